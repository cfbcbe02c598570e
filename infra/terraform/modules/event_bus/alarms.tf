locals {
  # `page`: shows in the composite alarm of the module `stream_publisher`, which calls somebody.
  topic_alarms = {
    deliveries-failed = {
      metric      = "NumberOfNotificationsFailed"
      page        = true
      description = "SNS could not deliver events to a subscriber's queue (its policy, its key or the queue is gone)."
    }
    deliveries-dead-lettered = {
      metric      = "NumberOfNotificationsRedrivenToDlq"
      page        = false
      description = "SNS put undeliverable events into a subscriber's DLQ."
    }
    deliveries-lost = {
      metric      = "NumberOfNotificationsFailedToRedriveToDlq"
      page        = true
      description = "SNS could neither deliver events nor put them into the DLQ; they are lost unless reconcile repairs them."
    }
  }
  advice = "Type `fanout --prefix ${var.prefix} status`. Runbook: ${var.runbook_base_url}/delivery-failing.md"
}

resource "aws_cloudwatch_metric_alarm" "topic" {
  for_each = local.is_topic && var.create_alarms ? local.topic_alarms : {}

  alarm_name          = "${var.prefix}-topic-${each.key}"
  alarm_description   = "${each.value.description} ${local.advice}"
  namespace           = "AWS/SNS"
  metric_name         = each.value.metric
  dimensions          = { TopicName = aws_sns_topic.this[0].name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = each.value.page ? [] : var.alarm_topic_arns
  ok_actions          = each.value.page ? [] : var.alarm_topic_arns
  tags                = var.tags
}

# Stays on until somebody empties the queue: in the page it would hide the next outage.
resource "aws_cloudwatch_metric_alarm" "undecipherable" {
  count = !local.is_topic && var.create_alarms ? 1 : 0

  alarm_name          = "${var.prefix}-bus-undecipherable"
  alarm_description   = "The bus could not encrypt or decrypt events with its key; no subscriber has seen them. ${local.advice}"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.undecipherable[0].name }
  statistic           = "Maximum"
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

locals {
  page_alarms = [for name, alarm in aws_cloudwatch_metric_alarm.topic : alarm.alarm_name if local.topic_alarms[name].page]
}
