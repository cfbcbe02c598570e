# `page`: shows in the composite alarm at the end, which calls somebody. The others are tickets, and
# notify by themselves.
locals {
  tickets   = coalesce(var.ticket_topic_arns, var.alarm_topic_arns)
  list_them = "Type `fanout --prefix ${var.prefix} status`. Runbook: ${var.runbook_base_url}"
  show_dead = "Type `fanout --prefix ${var.prefix} dlq show ${var.name}`. Runbook: ${var.runbook_base_url}"

  queue_alarms = var.create_alarms ? {
    # Hidden messages too: whoever looks at the DLQ hides what he receives. Not NumberOfMessagesSent,
    # which leaves out what SQS itself moves here.
    dead-letters = {
      description = "Messages wait in the ${var.name} DLQ; their customers may have an outdated status. ${local.show_dead}/dead-letters.md"
      label       = "Messages in the DLQ"
      expression  = "visible + hidden"
      periods     = 1
      datapoints  = 1
      threshold   = 0
      page        = false
    }
    # SQS counts the retention from the first send, but this metric from the move into the DLQ.
    dead-letters-expire-soon = {
      description = "Messages have been in the ${var.name} DLQ for ${var.dlq_age_alarm_seconds} seconds; those that had waited longest in the queue are deleted within days. ${local.show_dead}/dead-letters.md"
      metric      = "ApproximateAgeOfOldestMessage"
      queue       = aws_sqs_queue.dlq.name
      periods     = 1
      datapoints  = 1
      threshold   = var.dlq_age_alarm_seconds
      page        = false
    }
    dead-letters-growing = {
      description = "More messages came into the ${var.name} DLQ, whether or not some waited there already. ${local.show_dead}/dead-letters.md"
      label       = "More messages than a minute ago"
      expression  = "DIFF(visible + hidden)"
      periods     = 15
      datapoints  = 1
      threshold   = 0
      page        = false
    }
    # Sees only what was received less than three times: SQS leaves the others out.
    queue-falls-behind = {
      description = "The oldest message waits too long in the ${var.name} queue; rows are outdated. ${local.list_them}/consumer-behind.md"
      metric      = "ApproximateAgeOfOldestMessage"
      queue       = aws_sqs_queue.this.name
      periods     = 5
      datapoints  = 5
      threshold   = var.queue_age_alarm_seconds
      page        = true
    }
  } : {}

  rule_alarms = !local.is_topic && var.create_alarms ? {
    deliveries-failed = {
      description = "EventBridge could not deliver events to the ${var.name} queue (its policy, its key or the queue is gone)."
      metric      = "FailedInvocations"
      page        = true
    }
    deliveries-dead-lettered = {
      description = "EventBridge put undeliverable events into the ${var.name} DLQ."
      metric      = "InvocationsSentToDlq"
      page        = false
    }
    deliveries-lost = {
      description = "EventBridge could neither deliver events nor put them into the ${var.name} DLQ; they are lost unless reconcile repairs them."
      metric      = "InvocationsFailedToBeSentToDlq"
      page        = true
    }
  } : {}

  # A subscription that is deleted or whose filter never matches fails nowhere: nothing arrives. With a
  # filter on statuses hours without a message are nothing unusual; after a thousand events they are.
  nothing_arrived = "IF(FILL(published, 0) > ${local.is_chosen ? 999 : 0} AND FILL(arrived, 0) == 0, 1, 0)"
  silence_alarms = { for name, alarm in {
    receives-nothing = local.is_chosen ? {
      description = "Within a day a thousand events were published, and none has arrived in the ${var.name} queue: its subscription is gone or its filter matches nothing."
      period      = 86400
      periods     = 1
      datapoints  = 1
      } : {
      description = "Events were published in each of three periods of 5 minutes, and none arrived in the ${var.name} queue: its subscription is gone or its filter matches nothing."
      period      = 300
      periods     = 3
      datapoints  = 3
    }
    # The same where events are rare.
    misses-events = {
      description = "Five times within a day events were published and none arrived in the ${var.name} queue for 15 minutes: its subscription is gone or its filter matches nothing."
      period      = 900
      periods     = 96
      datapoints  = 5
    }
  } : name => alarm if var.create_alarms && var.alarm_on_silence && !(local.is_chosen && name == "misses-events") }
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each = local.queue_alarms

  alarm_name          = "${local.base_name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = can(each.value.metric) ? "AWS/SQS" : null
  metric_name         = try(each.value.metric, null)
  dimensions          = can(each.value.metric) ? { QueueName = each.value.queue } : null
  statistic           = can(each.value.metric) ? "Maximum" : null
  period              = can(each.value.metric) ? 60 : null
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  # Dead letters that expire call somebody too, but stay on for days: the page would hide the next outage.
  alarm_actions = each.key == "dead-letters-expire-soon" ? var.alarm_topic_arns : each.value.page ? [] : local.tickets
  ok_actions    = each.key == "dead-letters-expire-soon" ? var.alarm_topic_arns : each.value.page ? [] : local.tickets
  tags          = var.tags

  dynamic "metric_query" {
    for_each = can(each.value.expression) ? [each.value] : []

    content {
      id          = "result"
      label       = metric_query.value.label
      expression  = metric_query.value.expression
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = can(each.value.expression) ? { visible = "ApproximateNumberOfMessagesVisible", hidden = "ApproximateNumberOfMessagesNotVisible" } : {}

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value
        dimensions  = { QueueName = aws_sqs_queue.dlq.name }
        stat        = "Maximum"
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "rule" {
  for_each = local.rule_alarms

  alarm_name        = "${local.base_name}-${each.key}"
  alarm_description = "${each.value.description} ${local.list_them}/delivery-failing.md"
  namespace         = "AWS/Events"
  metric_name       = each.value.metric
  dimensions = {
    EventBusName = reverse(split("/", var.bus.arn))[0]
    RuleName     = aws_cloudwatch_event_rule.this[0].name
  }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = each.value.page ? [] : local.tickets
  ok_actions          = each.value.page ? [] : local.tickets
  tags                = var.tags
}

# Only who keeps a table has rows that can differ. The metric comes from the sentinel.
resource "aws_cloudwatch_metric_alarm" "drift" {
  count = var.create_alarms && var.keeps_latest_state ? 1 : 0

  alarm_name          = "${local.base_name}-drift"
  alarm_description   = "Rows of the ${var.name} table differ from Accounts: something was lost on the way or changed by hand. The sentinel counts them, and `fanout reconcile --metric`. Type `fanout --prefix ${var.prefix} reconcile ${var.name}`. Runbook: ${var.runbook_base_url}/drift.md"
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
  alarm_actions       = local.tickets
  ok_actions          = local.tickets
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "silence" {
  for_each = local.silence_alarms

  alarm_name          = "${local.base_name}-${each.key}"
  alarm_description   = "${each.value.description} ${local.list_them}/delivery-failing.md"
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  # The slow one stays on for up to a day after all is well, and would hide the next outage in the page.
  alarm_actions = each.key == "misses-events" ? var.alarm_topic_arns : []
  ok_actions    = each.key == "misses-events" ? var.alarm_topic_arns : []
  tags          = var.tags

  metric_query {
    id          = "result"
    label       = "Published, and nothing arrived"
    expression  = local.nothing_arrived
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
      period      = each.value.period
    }
  }

  metric_query {
    id = "arrived"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesSent"
      dimensions  = { QueueName = aws_sqs_queue.this.name }
      stat        = "Sum"
      period      = each.value.period
    }
  }
}

locals {
  page_alarms = concat(
    [for name, alarm in aws_cloudwatch_metric_alarm.queue : alarm.alarm_name if local.queue_alarms[name].page],
    [for name, alarm in aws_cloudwatch_metric_alarm.rule : alarm.alarm_name if local.rule_alarms[name].page],
    [for name, alarm in aws_cloudwatch_metric_alarm.silence : alarm.alarm_name if name == "receives-nothing"],
    var.consumer.page_alarms,
  )
  page_rule = [for name in local.page_alarms : "ALARM(\"${name}\")"]
  lag_rule  = join(" AND ", [for name in var.consumer.lag_alarms : "ALARM(\"${name}\")"])
}

# One page for one outage, however many of its alarms are on.
resource "aws_cloudwatch_composite_alarm" "page" {
  count = var.create_alarms ? 1 : 0

  alarm_name        = "${local.base_name}-page"
  alarm_description = "What ${var.name} keeps does not follow Accounts: an alarm of its queue or of its consumer is on. ${local.list_them}/README.md"
  alarm_rule        = join(" OR ", concat(local.page_rule, local.lag_rule == "" ? [] : ["(${local.lag_rule})"]))
  alarm_actions     = var.alarm_topic_arns
  ok_actions        = var.alarm_topic_arns
  tags              = var.tags
}
