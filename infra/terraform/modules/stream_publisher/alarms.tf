locals {
  # What both modes watch: the function, and what it counts itself.
  shared_alarms = {
    errors = {
      description = "The publisher's function fails as a whole (start, timeout, memory or a setting). Its batches are retried, and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      datapoints  = [3, 5]
    }
    records-held = {
      description = "The publisher can read no record: a bad deployment or a wrong setting. Changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      metric      = "RecordsHeld"
      datapoints  = [1, 5]
    }
    records-parked = {
      description = "The publisher parked records that cannot become events; no subscriber has seen these changes. Runbook: docs/runbooks/failure-store.md"
      metric      = "RecordsParked"
    }
  }

  mapping_alarms = {
    behind = {
      description = "The publisher lags behind the Accounts table; at 12 hours records go to the failure store, at 24 hours the stream drops them. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "AWS/Lambda"
      metric      = "IteratorAge"
      statistic   = "Maximum"
      datapoints  = [5, 5]
      threshold   = var.iterator_age_alarm_milliseconds
    }
    throttled = {
      description = "The publisher is throttled: the account's concurrency is used up, and changes wait in the stream. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      datapoints  = [3, 5]
    }
    bus-faults = {
      description = "The bus refuses every publish (access denied, missing, wrong key); every change waits in the stream. Runbook: docs/runbooks/publisher-failing.md"
      metric      = "BusFaults"
    }
    selects-nothing = {
      description = "Records arrive, and for a day none of them was a customer's by entity_filter: a mistyped filter looks like a quiet day, and no change is published. Runbook: docs/runbooks/publisher-failing.md"
      metric      = "CustomerRecords"
      comparison  = "LessThanOrEqualToThreshold"
      period      = 86400
    }
    batches-given-up = {
      description = "Lambda gave up stream batches and wrote them to the failure store; no subscriber has seen these changes. Runbook: docs/runbooks/failure-store.md"
      namespace   = "AWS/S3"
      metric      = "PutRequests"
      dimensions  = { BucketName = module.failure_store.bucket_name, FilterId = module.failure_store.given_up_filter }
    }
    given-up-batches-lost = {
      description = "Lambda could not write a batch that it gave up to the failure store; these changes are lost unless reconcile repairs them. Runbook: docs/runbooks/failure-store.md"
      namespace   = "AWS/Lambda"
      metric      = "DestinationDeliveryFailures"
    }
  }

  pipe_alarms = {
    behind = {
      description = "The pipe lags behind the Accounts table; at 12 hours records go to its DLQ, only as pointers, at 24 hours the stream drops them. Runbook: docs/runbooks/publisher-behind.md"
      metric      = "StreamLagMilliseconds"
      statistic   = "Maximum"
      datapoints  = [5, 5]
      threshold   = var.iterator_age_alarm_milliseconds
    }
    failing = {
      description = "Executions of the pipe fail (enrichment or bus). They are retried, and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "AWS/EventBridge/Pipes"
      metric      = "ExecutionFailed"
      datapoints  = [3, 5]
    }
    throttled = {
      description = "The pipe is throttled: the account's concurrency is used up, and changes wait in the stream. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "AWS/EventBridge/Pipes"
      metric      = "ExecutionThrottled"
      datapoints  = [3, 5]
    }
    given-up = {
      description = "The pipe gave up records; its DLQ holds pointers into the stream, which are useless 24 hours after the change. Runbook: docs/runbooks/failure-store.md"
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = one(aws_sqs_queue.dlq[*].name) }
      statistic   = "Maximum"
    }
  }

  # The dimensions of a namespace's metrics, unless an alarm names its own.
  dimensions = {
    CustomerStatusFanout    = { deployment = var.prefix, service = "publisher" }
    "AWS/Lambda"            = { FunctionName = module.function.name }
    "AWS/EventBridge/Pipes" = { PipeName = one(aws_pipes_pipe.this[*].name) }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = {
    for name, alarm in merge(local.shared_alarms, { function = local.mapping_alarms, pipe = local.pipe_alarms }[var.mode]) :
    name => alarm if var.create_alarms
  }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = try(each.value.namespace, "CustomerStatusFanout")
  metric_name         = each.value.metric
  dimensions          = try(each.value.dimensions, local.dimensions[try(each.value.namespace, "CustomerStatusFanout")])
  statistic           = try(each.value.statistic, "Sum")
  period              = try(each.value.period, 60)
  datapoints_to_alarm = try(each.value.datapoints[0], 1)
  evaluation_periods  = try(each.value.datapoints[1], 1)
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Nothing counts what a pipe's filter leaves out, so this alarm compares with the table's writes.
resource "aws_cloudwatch_metric_alarm" "selects_nothing" {
  count = local.is_pipe && var.create_alarms && var.entity_filter != "" ? 1 : 0

  alarm_name          = "${local.name}-selects-nothing"
  alarm_description   = "The Accounts table is written to, and for a day no record matched entity_filter: a mistyped filter looks like a quiet day, and no change is published. Runbook: docs/runbooks/publisher-failing.md"
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
