locals {
  alarms = {
    throttled = {
      description = "The consumer is throttled: the account's concurrency is used up, and each throttle uses up a delivery of healthy messages. Runbook: docs/runbooks/consumer-behind.md"
      metric      = "Throttles"
    }
    errors = {
      description = "The consumer fails as a whole (start, timeout or memory); its messages are retried until they reach the DLQ. Runbook: docs/runbooks/consumer-failing.md"
      metric      = "Errors"
    }
  }
}

locals {
  retry_alarms = {
    dependency-faults = {
      description = "Something that the ${var.subscriber.name} consumer needs is throttled, missing, forbidden or down. Its messages wait; up to 12 hours do no harm. Runbook: docs/runbooks/consumer-dependency-faults.md"
      metric      = "DependencyFaults"
    }
    unexpected-exceptions = {
      description = "The ${var.subscriber.name} consumer has a bug. Messages are retried, and none is parked while all of them may be affected. Runbook: docs/runbooks/consumer-failing.md"
      metric      = "UnexpectedExceptions"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "function" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.create_alarms }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = module.function.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "lag" {
  count = var.create_alarms ? 1 : 0

  alarm_name          = "${var.prefix}-${var.subscriber.name}-end-to-end-lag"
  alarm_description   = "Events reach the ${var.subscriber.name} table too late (p99; a replay or recovery of old events raises it too). Runbook: docs/runbooks/consumer-behind.md"
  namespace           = "CustomerStatusFanout"
  metric_name         = "EndToEndLagMilliseconds"
  dimensions          = { deployment = var.prefix, service = local.service_name }
  extended_statistic  = "p99"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.end_to_end_lag_alarm_milliseconds
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Stays on while messages come back every 15 minutes: two minutes with failures among the last 30.
# Lambda counts no errors there, and SQS's age forgets messages that were received three times.
resource "aws_cloudwatch_metric_alarm" "retries" {
  for_each = { for name, alarm in local.retry_alarms : name => alarm if var.create_alarms }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "CustomerStatusFanout"
  metric_name         = each.value.metric
  dimensions          = { deployment = var.prefix, service = local.service_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 30
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}
