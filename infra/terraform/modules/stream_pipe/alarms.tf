locals {
  alarms = {
    behind = {
      description = "The pipe lags behind the Accounts table; at 12 hours records go to its DLQ as mere pointers, at 24 hours the stream forgets them. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "CustomerStatusFanout"
      metric      = "StreamLagMilliseconds"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Maximum"
      periods     = 5
      datapoints  = 5
      threshold   = var.stream_lag_alarm_milliseconds
    }
    failing = {
      description = "Executions of the pipe fail (enrichment or bus); they are tried again, and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "AWS/EventBridge/Pipes"
      metric      = "ExecutionFailed"
      dimensions  = { PipeName = aws_pipes_pipe.this.name }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 3
      threshold   = 0
    }
    throttled = {
      description = "The pipe is throttled: the account's concurrency is used up, and changes wait in the stream. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "AWS/EventBridge/Pipes"
      metric      = "ExecutionThrottled"
      dimensions  = { PipeName = aws_pipes_pipe.this.name }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 3
      threshold   = 0
    }
    errors = {
      description = "The enrichment fails as a whole (start, timeout, memory or a setting); its batches are tried again and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = module.function.name }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 3
      threshold   = 0
    }
    records-held = {
      description = "The enrichment can read no record: a bad deployment or a wrong setting, and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "CustomerStatusFanout"
      metric      = "RecordsHeld"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 1
      threshold   = 0
    }
    records-parked = {
      description = "The enrichment parked records that cannot become events; no subscriber has seen these changes. Runbook: docs/runbooks/failure-store.md"
      namespace   = "CustomerStatusFanout"
      metric      = "RecordsParked"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Sum"
      periods     = 1
      datapoints  = 1
      threshold   = 0
    }
    given-up = {
      description = "The pipe gave up records; its DLQ holds pointers into the stream, which are worthless 24 hours after the change. Runbook: docs/runbooks/failure-store.md"
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.dlq.name }
      statistic   = "Maximum"
      periods     = 1
      datapoints  = 1
      threshold   = 0
    }
  }
}

# What the pipe's filter leaves out is counted nowhere, so the table's writes are held against it.
resource "aws_cloudwatch_metric_alarm" "selects_nothing" {
  count = var.create_alarms && var.entity_filter != "" ? 1 : 0

  alarm_name          = "${local.name}-selects-nothing"
  alarm_description   = "The Accounts table is written to, and for a day no record matched entity_filter: a mistyped filter looks like quiet, and no change is published. Runbook: docs/runbooks/publisher-failing.md"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags

  metric_query {
    id          = "unseen"
    expression  = "IF(FILL(writes, 0) > 0 AND FILL(records, 0) < 1, 1, 0)"
    label       = "Days with writes and without a customer's record"
    return_data = true
  }
  metric_query {
    id = "writes"
    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ConsumedWriteCapacityUnits"
      dimensions  = { TableName = local.accounts_table }
      stat        = "Sum"
      period      = 86400
    }
  }
  metric_query {
    id = "records"
    metric {
      namespace   = "CustomerStatusFanout"
      metric_name = "CustomerRecords"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      stat        = "Sum"
      period      = 86400
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.create_alarms }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}
