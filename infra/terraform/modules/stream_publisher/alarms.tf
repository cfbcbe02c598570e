# `page`: shows in the composite alarm at the end, which calls somebody. The others are tickets, and
# notify by themselves.
locals {
  tickets = coalesce(var.ticket_topic_arns, var.alarm_topic_arns)
  advice = {
    list     = "Type `fanout --prefix ${var.prefix} status`."
    failures = "Type `fanout --prefix ${var.prefix} failures list`."
  }

  # What both modes watch: the function, and what it counts itself.
  shared_alarms = {
    # Of 15 minutes: what fails comes back a minute later at most.
    errors = {
      description = "The publisher's function fails as a whole (start, timeout, memory or a setting). Its batches are retried, and changes wait in the stream."
      runbook     = "publisher-failing"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      datapoints  = [3, 15]
      page        = true
    }
    # Our own metric, of each batch: Lambda's IteratorAge comes when a batch is finished, which one that
    # keeps failing never is. A failing batch comes back after a minute or two: of 15 minutes.
    behind = {
      description = "The publisher lags behind the Accounts table; ${local.is_pipe ? "at 12 hours records go to the pipe's DLQ, only as pointers" : "at 12 hours records go to the failure store"}, at 24 hours the stream deletes them."
      runbook     = "publisher-behind"
      metric      = "StreamLagMilliseconds"
      statistic   = "Maximum"
      datapoints  = [3, 15]
      threshold   = var.iterator_age_alarm_milliseconds
      page        = true
    }
    records-held = {
      description = "The publisher can read no record: a bad deployment or a wrong setting. Changes wait in the stream."
      runbook     = "publisher-failing"
      metric      = "RecordsHeld"
      page        = true
    }
    records-parked = {
      description = "The publisher parked records that cannot become events; no subscriber has seen these changes."
      runbook     = "failure-store"
      metric      = "RecordsParked"
    }
  }

  mapping_alarms = {
    throttled = {
      description = "The publisher is throttled: the account's concurrency is used up, and changes wait in the stream."
      runbook     = "publisher-behind"
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      datapoints  = [3, 15]
      page        = true
    }
    # A mapping that polls writes a zero where it finds nothing; one that does not poll writes nothing.
    stopped = {
      description = "For 10 minutes nobody has polled the Accounts table's stream: its mapping is disabled, deleted, or may not read. After 24 hours the stream deletes changes."
      runbook     = "publisher-behind"
      namespace   = "AWS/Lambda"
      metric      = "PolledEventCount"
      dimensions  = { EventSourceMappingUUID = one(aws_lambda_event_source_mapping.stream[*].uuid) }
      datapoints  = [10, 10]
      comparison  = "LessThanThreshold"
      missing     = "breaching"
      page        = true
    }
    bus-faults = {
      description = "The bus refuses every publish (access denied, missing, wrong key); every change waits in the stream."
      runbook     = "publisher-failing"
      metric      = "BusFaults"
      page        = true
    }
    selects-nothing = {
      description = "Records arrive, and for a day none of them was a customer's by entity_filter: a mistyped filter looks like a quiet day, and no change is published."
      runbook     = "publisher-failing"
      metric      = "CustomerRecords"
      comparison  = "LessThanOrEqualToThreshold"
      period      = 86400
      datapoints  = [1, 1]
    }
    batches-given-up = {
      description = "Lambda gave up stream batches and wrote them to the failure store in the last hour; no subscriber has seen these changes."
      runbook     = "failure-store"
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = module.failure_store.notices_queue_name }
      statistic   = "Maximum"
      datapoints  = [1, 1]
    }
    given-up-batches-lost = {
      description = "Lambda could not write a batch that it gave up to the failure store; these changes are lost unless reconcile repairs them."
      runbook     = "failure-store"
      namespace   = "AWS/Lambda"
      metric      = "DestinationDeliveryFailures"
      page        = true
    }
  }

  pipe_alarms = {
    failing = {
      description = "Executions of the pipe fail (enrichment or bus). They are retried, and changes wait in the stream."
      runbook     = "publisher-failing"
      namespace   = "AWS/EventBridge/Pipes"
      metric      = "ExecutionFailed"
      datapoints  = [3, 15]
      page        = true
    }
    throttled = {
      description = "The pipe is throttled: the account's concurrency is used up, and changes wait in the stream."
      runbook     = "publisher-behind"
      namespace   = "AWS/EventBridge/Pipes"
      metric      = "ExecutionThrottled"
      datapoints  = [3, 15]
      page        = true
    }
    # Stays on until somebody empties the DLQ, so it pages by itself: in the page it would hide the next
    # outage.
    given-up = {
      description = "The pipe gave up records; its DLQ holds pointers into the stream, which are useless 24 hours after the change."
      runbook     = "failure-store"
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = one(aws_sqs_queue.dlq[*].name) }
      statistic   = "Maximum"
      datapoints  = [1, 1]
    }
  }

  # The dimensions of a namespace's metrics, unless an alarm names its own.
  dimensions = {
    CustomerStatusFanout    = { deployment = var.prefix, service = "publisher" }
    "AWS/Lambda"            = { FunctionName = module.function.name }
    "AWS/EventBridge/Pipes" = { PipeName = one(aws_pipes_pipe.this[*].name) }
  }

  alarms = {
    for name, alarm in merge(local.shared_alarms, { function = local.mapping_alarms, pipe = local.pipe_alarms }[var.mode]) :
    name => alarm if var.create_alarms
  }

  # Held against the table's writes, as nothing else counts what the publisher never saw. With an
  # entity filter a pipe leaves out most records, and only a day without any says something.
  unseen_alarms = { for name, alarm in {
    sees-nothing = {
      description = "The Accounts table was written to in each of three periods of 5 minutes, and the publisher saw no record: it reads another stream. Or writes changed nothing."
      runbook     = "publisher-behind"
      period      = 300
      datapoints  = [3, 3]
    }
    # The same for a table that is seldom written to. Hours, since a write that changes nothing leaves no
    # record: in a quarter of an hour it is often alone.
    misses-changes = {
      description = "In five hours out of twelve the Accounts table was written to and the publisher saw no record: it reads another stream. Or writes changed nothing."
      runbook     = "publisher-behind"
      period      = 3600
      datapoints  = [5, 12]
    }
    selects-nothing = {
      description = "The Accounts table is written to, and for a day no record matched entity_filter: a mistyped filter looks like a quiet day, and no change is published."
      runbook     = "publisher-failing"
      period      = 86400
      datapoints  = [1, 1]
    }
  } : name => alarm if var.create_alarms && (name == "selects-nothing") == (local.is_pipe && var.entity_filter != "") }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.description} ${local.advice[each.value.runbook == "failure-store" ? "failures" : "list"]} Runbook: ${var.runbook_base_url}/${each.value.runbook}.md"
  namespace           = try(each.value.namespace, "CustomerStatusFanout")
  metric_name         = each.value.metric
  dimensions          = try(each.value.dimensions, local.dimensions[try(each.value.namespace, "CustomerStatusFanout")])
  statistic           = try(each.value.statistic, "Sum")
  period              = try(each.value.period, 60)
  datapoints_to_alarm = try(each.value.datapoints[0], 1)
  evaluation_periods  = try(each.value.datapoints[1], 5)
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = try(each.value.threshold, 0)
  treat_missing_data  = try(each.value.missing, "notBreaching")
  alarm_actions       = each.key == "given-up" ? var.alarm_topic_arns : try(each.value.page, false) ? [] : local.tickets
  ok_actions          = each.key == "given-up" ? var.alarm_topic_arns : try(each.value.page, false) ? [] : local.tickets
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "unseen" {
  for_each = local.unseen_alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = "${each.value.description} ${local.advice.list} Runbook: ${var.runbook_base_url}/${each.value.runbook}.md"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = each.value.datapoints[1]
  datapoints_to_alarm = each.value.datapoints[0]
  treat_missing_data  = "notBreaching"
  # The slow one stays on for hours after all is well, and would hide the next outage in the page.
  alarm_actions = { sees-nothing = [], misses-changes = var.alarm_topic_arns, selects-nothing = local.tickets }[each.key]
  ok_actions    = { sees-nothing = [], misses-changes = var.alarm_topic_arns, selects-nothing = local.tickets }[each.key]
  tags          = var.tags

  metric_query {
    id          = "result"
    expression  = "IF(FILL(writes, 0) > 0 AND FILL(records, 0) == 0, 1, 0)"
    label       = "Written, and nothing seen"
    return_data = true
  }
  metric_query {
    id = "writes"
    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ConsumedWriteCapacityUnits"
      dimensions  = { TableName = local.accounts_table }
      stat        = "Sum"
      period      = each.value.period
    }
  }
  metric_query {
    id = "records"
    metric {
      namespace   = "CustomerStatusFanout"
      metric_name = "StreamRecords"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      stat        = "Sum"
      period      = each.value.period
    }
  }
}

locals {
  page_alarms = concat(
    [for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name if try(local.alarms[name].page, false)],
    [for name, alarm in aws_cloudwatch_metric_alarm.unseen : alarm.alarm_name if name == "sees-nothing"],
    var.bus.page_alarms,
  )
}

# One page for one outage, however many of its alarms are on.
resource "aws_cloudwatch_composite_alarm" "page" {
  count = var.create_alarms ? 1 : 0

  alarm_name        = "${local.name}-page"
  alarm_description = "No subscriber gets changes, or some lose them: an alarm of the publisher or of the bus is on. ${local.advice.list} Runbook: ${var.runbook_base_url}/README.md"
  alarm_rule        = join(" OR ", [for name in local.page_alarms : "ALARM(\"${name}\")"])
  alarm_actions     = var.alarm_topic_arns
  ok_actions        = var.alarm_topic_arns
  tags              = var.tags
}
