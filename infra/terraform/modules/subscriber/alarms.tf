locals {
  queue_alarms = var.create_alarms ? {
    # Visible messages, as NumberOfMessagesSent does not count what SQS itself moves into a DLQ.
    dead-letters = {
      description = "Messages wait in the ${var.name} DLQ; their customers may have an outdated status. Runbook: docs/runbooks/dead-letters.md"
      metric      = "ApproximateNumberOfMessagesVisible"
      queue       = aws_sqs_queue.dlq.name
      periods     = 1
      threshold   = 0
    }
    # SQS counts the retention from the first send, but this metric from the move into the DLQ.
    dead-letters-expire-soon = {
      description = "Messages have been in the ${var.name} DLQ for ${var.dlq_age_alarm_seconds} seconds; those that had waited longest in the queue are deleted within days. Runbook: docs/runbooks/dead-letters.md"
      metric      = "ApproximateAgeOfOldestMessage"
      queue       = aws_sqs_queue.dlq.name
      periods     = 1
      threshold   = var.dlq_age_alarm_seconds
    }
    queue-falls-behind = {
      description = "The oldest message waits too long in the ${var.name} queue; rows are outdated. Runbook: docs/runbooks/consumer-behind.md"
      metric      = "ApproximateAgeOfOldestMessage"
      queue       = aws_sqs_queue.this.name
      periods     = 5
      threshold   = var.queue_age_alarm_seconds
    }
  } : {}

  rule_alarms = !local.is_topic && var.create_alarms ? {
    deliveries-failed = {
      description = "EventBridge could not deliver events to the ${var.name} queue (its policy, its key or the queue is gone). Runbook: docs/runbooks/delivery-failing.md"
      metric      = "FailedInvocations"
    }
    deliveries-dead-lettered = {
      description = "EventBridge put undeliverable events into the ${var.name} DLQ. Runbook: docs/runbooks/delivery-failing.md"
      metric      = "InvocationsSentToDlq"
    }
    deliveries-lost = {
      description = "EventBridge could neither deliver events nor put them into the ${var.name} DLQ; they are lost unless reconcile repairs them. Runbook: docs/runbooks/delivery-failing.md"
      metric      = "InvocationsFailedToBeSentToDlq"
    }
  } : {}
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each = local.queue_alarms

  alarm_name          = "${local.base_name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "rule" {
  for_each = local.rule_alarms

  alarm_name        = "${local.base_name}-${each.key}"
  alarm_description = each.value.description
  namespace         = "AWS/Events"
  metric_name       = each.value.metric
  dimensions = {
    EventBusName = reverse(split("/", var.bus.arn))[0]
    RuleName     = aws_cloudwatch_event_rule.this[0].name
  }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Only who keeps a table has rows that can differ. The metric comes from a reconcile on a schedule.
resource "aws_cloudwatch_metric_alarm" "drift" {
  count = var.create_alarms && var.keeps_latest_state ? 1 : 0

  alarm_name          = "${local.base_name}-drift"
  alarm_description   = "Rows of the ${var.name} table differ from Accounts: something was lost on the way or changed by hand. Works only if `fanout reconcile --metric` runs on a schedule. Runbook: docs/runbooks/drift.md"
  namespace           = "CustomerStatusFanout"
  metric_name         = "DriftedRows"
  dimensions          = { deployment = var.prefix, subscriber = var.name }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# A subscription that is deleted or whose filter never matches fails nowhere: nothing arrives. With a
# filter on statuses quarters of an hour without a message are nothing unusual, so there is none.
resource "aws_cloudwatch_metric_alarm" "receives_nothing" {
  count = var.create_alarms && var.alarm_on_silence && !local.is_chosen ? 1 : 0

  alarm_name          = "${local.base_name}-receives-nothing"
  alarm_description   = "Events are published, but for 15 minutes none has arrived in the ${var.name} queue: its subscription is gone or its filter matches nothing. Runbook: docs/runbooks/delivery-failing.md"
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags

  metric_query {
    id          = "silent"
    label       = "Published, and nothing arrived"
    expression  = "IF(FILL(published, 0) > 0 AND FILL(arrived, 0) == 0, 1, 0)"
    return_data = true
  }

  # EventBridge counts no published events, so there the publisher's own metric tells.
  metric_query {
    id = "published"

    metric {
      namespace   = local.is_topic ? "AWS/SNS" : "CustomerStatusFanout"
      metric_name = local.is_topic ? "NumberOfMessagesPublished" : "EventsPublished"
      dimensions  = local.is_topic ? { TopicName = reverse(split(":", var.bus.arn))[0] } : { deployment = var.prefix, service = "publisher" }
      stat        = "Sum"
      period      = 300
    }
  }

  metric_query {
    id = "arrived"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesSent"
      dimensions  = { QueueName = aws_sqs_queue.this.name }
      stat        = "Sum"
      period      = 300
    }
  }
}
