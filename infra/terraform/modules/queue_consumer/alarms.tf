# `page`: shows in the composite alarm of the module `subscriber`, which calls somebody. The others
# are tickets, and notify by themselves.
locals {
  # Of 15 minutes: one deadly message comes back every three, and a shorter window would never see
  # three of them.
  alarms = {
    throttled = {
      description = "The consumer is throttled: the account's concurrency is used up, and each throttle uses up a delivery of healthy messages."
      runbook     = "consumer-behind"
      metric      = "Throttles"
    }
    errors = {
      description = "The consumer fails as a whole (start, timeout or memory); its messages are retried until they reach the DLQ."
      runbook     = "consumer-failing"
      metric      = "Errors"
    }
  }

  retry_alarms = {
    dependency-faults = {
      description = "Something that the ${var.subscriber.name} consumer needs is throttled, missing, forbidden or down. Its messages wait; up to 12 hours lose nothing."
      runbook     = "consumer-dependency-faults"
      metric      = "DependencyFaults"
    }
    unexpected-exceptions = {
      description = "The ${var.subscriber.name} consumer has a bug. Messages are retried, and none is parked while all of them may be affected."
      runbook     = "consumer-failing"
      metric      = "UnexpectedExceptions"
    }
  }

  # The consumer's own counts.
  count_alarms = {
    # SQS may be 15 minutes late about a DLQ in which nothing has happened for hours.
    messages-parked = {
      description = "The ${var.subscriber.name} consumer parked messages in the DLQ; their customers may have an outdated status."
      runbook     = "dead-letters"
      metric      = "MessagesParked"
      periods     = 5
    }
    parks-many = {
      description = "The ${var.subscriber.name} consumer parked 10 messages or more within 5 minutes: a producer or a deployment is at fault, not single messages."
      runbook     = "dead-letters"
      metric      = "MessagesParked"
      period      = 300
      threshold   = 9
      page        = true
    }
    version-near-sunset = {
      description = "${var.subscriber.name} still reads a deprecated version of the event, which ends within 30 days or has ended."
      runbook     = "deprecated-version"
      metric      = "SunsetVersionEvents"
      period      = 3600
      periods     = 24
    }
  }

  outcomes = {
    retried   = "MessagesRetried"
    applied   = "EventsApplied"
    duplicate = "EventsDuplicate"
    stale     = "EventsStale"
    parked    = "MessagesParked"
  }

  list_them = "Type `fanout --prefix ${var.prefix} status`. Runbook: ${var.runbook_base_url}"
  show_dead = "Type `fanout --prefix ${var.prefix} dlq show ${var.subscriber.name}`. Runbook: ${var.runbook_base_url}"
}

resource "aws_cloudwatch_metric_alarm" "function" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.create_alarms }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.description} ${local.list_them}/${each.value.runbook}.md"
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = module.function.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 15
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}

# A mapping that polls writes a zero where it finds nothing; one that does not poll writes nothing.
resource "aws_cloudwatch_metric_alarm" "stopped" {
  count = var.create_alarms ? 1 : 0

  alarm_name          = "${local.name}-stopped"
  alarm_description   = "For 10 minutes nobody has polled the ${var.subscriber.name} queue: its mapping is disabled, deleted, or may not receive. ${local.list_them}/consumer-behind.md"
  namespace           = "AWS/Lambda"
  metric_name         = "PolledEventCount"
  dimensions          = { EventSourceMappingUUID = aws_lambda_event_source_mapping.queue.uuid }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 10
  datapoints_to_alarm = 10
  comparison_operator = "LessThanThreshold"
  threshold           = 0
  treat_missing_data  = "breaching"
  tags                = var.tags
}

# The objective is that 99% of the batches of 30 days are in time; 14.4% too late use up a month's
# share in two days. Both windows together page: the hour shows that it matters, the five minutes that
# it still happens.
resource "aws_cloudwatch_metric_alarm" "lag" {
  count = var.create_alarms ? 1 : 0

  alarm_name          = "${var.prefix}-${var.subscriber.name}-end-to-end-lag"
  alarm_description   = "In the last hour more than 14.4% of the batches reached the ${var.subscriber.name} table too late: at this rate a month's share of 1% is used up in 2 days. ${local.list_them}/consumer-behind.md"
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 14.4
  treat_missing_data  = "notBreaching"
  tags                = var.tags

  # Three late batches at least: one of a quiet hour is no trend.
  metric_query {
    id          = "result"
    label       = "Percent too late"
    expression  = "IF(batches * (100 - punctual) > 200, 100 - punctual, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { punctual = "PR(0:${var.end_to_end_lag_alarm_milliseconds})", batches = "SampleCount" }

    content {
      id = metric_query.key

      metric {
        namespace   = "CustomerStatusFanout"
        metric_name = "EndToEndLagMilliseconds"
        dimensions  = { deployment = var.prefix, service = local.service_name }
        stat        = metric_query.value
        period      = 3600
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "lag_now" {
  count = var.create_alarms ? 1 : 0

  alarm_name          = "${var.prefix}-${var.subscriber.name}-end-to-end-lag-now"
  alarm_description   = "In the last five minutes more than 14.4% of the batches reached the ${var.subscriber.name} table too late. ${local.list_them}/consumer-behind.md"
  namespace           = "CustomerStatusFanout"
  metric_name         = "EndToEndLagMilliseconds"
  dimensions          = { deployment = var.prefix, service = local.service_name }
  extended_statistic  = "PR(0:${var.end_to_end_lag_alarm_milliseconds})"
  period              = 300
  evaluation_periods  = 1
  datapoints_to_alarm = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 85.6
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}

# Stays on while messages come back every 15 minutes: three minutes with failures among the last 60.
# Lambda counts no errors there, and SQS's age forgets messages that were received three times.
resource "aws_cloudwatch_metric_alarm" "retries" {
  for_each = { for name, alarm in local.retry_alarms : name => alarm if var.create_alarms }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.description} ${local.list_them}/${each.value.runbook}.md"
  namespace           = "CustomerStatusFanout"
  metric_name         = each.value.metric
  dimensions          = { deployment = var.prefix, service = local.service_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 60
  datapoints_to_alarm = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

# Not Errors: a batch that is answered with failures counts as a success there. Two of 30 minutes'
# periods, since retries come as rarely as every 15 minutes.
resource "aws_cloudwatch_metric_alarm" "failing" {
  count = var.create_alarms ? 1 : 0

  alarm_name          = "${local.name}-failing"
  alarm_description   = "More than half of what the ${var.subscriber.name} consumer handles is to be retried: rows are outdated. ${local.list_them}/consumer-failing.md"
  evaluation_periods  = 6
  datapoints_to_alarm = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 50
  treat_missing_data  = "notBreaching"
  tags                = var.tags

  metric_query {
    id          = "result"
    label       = "Percent retried"
    expression  = "100 * retried / (applied + duplicate + stale + parked + retried)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.outcomes

    content {
      id = metric_query.key

      metric {
        namespace   = "CustomerStatusFanout"
        metric_name = metric_query.value
        dimensions  = { deployment = var.prefix, service = local.service_name }
        stat        = "Sum"
        period      = 300
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "counts" {
  for_each = { for name, alarm in local.count_alarms : name => alarm if var.create_alarms }

  alarm_name          = "${var.prefix}-${var.subscriber.name}-${each.key}"
  alarm_description   = "${each.value.description} ${each.value.runbook == "dead-letters" ? local.show_dead : local.list_them}/${each.value.runbook}.md"
  namespace           = "CustomerStatusFanout"
  metric_name         = each.value.metric
  dimensions          = { deployment = var.prefix, service = local.service_name }
  statistic           = "Sum"
  period              = try(each.value.period, 60)
  evaluation_periods  = try(each.value.periods, 1)
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = "notBreaching"
  alarm_actions       = try(each.value.page, false) ? [] : var.alarm_topic_arns
  ok_actions          = try(each.value.page, false) ? [] : var.alarm_topic_arns
  tags                = var.tags
}

locals {
  page_alarms = concat(
    values(aws_cloudwatch_metric_alarm.function)[*].alarm_name,
    aws_cloudwatch_metric_alarm.stopped[*].alarm_name,
    aws_cloudwatch_metric_alarm.failing[*].alarm_name,
    [for name, alarm in aws_cloudwatch_metric_alarm.counts : alarm.alarm_name if try(local.count_alarms[name].page, false)],
  )
}
