locals {
  alarms = {
    behind = {
      description = "The publisher lags behind the Accounts table; at 12 hours records go to the failure store, at 24 hours the stream forgets them. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "AWS/Lambda"
      metric      = "IteratorAge"
      dimensions  = { FunctionName = module.function.name }
      statistic   = "Maximum"
      periods     = 5
      datapoints  = 5
      threshold   = var.iterator_age_alarm_milliseconds
    }
    throttled = {
      description = "The publisher is throttled: the account's concurrency is used up, and changes wait in the stream. Runbook: docs/runbooks/publisher-behind.md"
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = { FunctionName = module.function.name }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 3
      threshold   = 0
    }
    errors = {
      description = "The publisher fails as a whole (start, timeout, memory or a setting); its batches are tried again and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = module.function.name }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 3
      threshold   = 0
    }
    bus-faults = {
      description = "The bus itself refuses to be published to (access denied, missing, wrong key); every change waits in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "CustomerStatusFanout"
      metric      = "BusFaults"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Sum"
      periods     = 1
      datapoints  = 1
      threshold   = 0
    }
    records-held = {
      description = "The publisher can read no record: a bad deployment or a wrong setting, and changes wait in the stream. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "CustomerStatusFanout"
      metric      = "RecordsHeld"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Sum"
      periods     = 5
      datapoints  = 1
      threshold   = 0
    }
    records-parked = {
      description = "The publisher parked records that cannot become events; no subscriber has seen these changes. Runbook: docs/runbooks/failure-store.md"
      namespace   = "CustomerStatusFanout"
      metric      = "RecordsParked"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Sum"
      periods     = 1
      datapoints  = 1
      threshold   = 0
    }
    selects-nothing = {
      description = "Records arrive, and for a day none of them was a customer's by entity_filter: a mistyped filter looks like quiet, and no change is published. Runbook: docs/runbooks/publisher-failing.md"
      namespace   = "CustomerStatusFanout"
      metric      = "CustomerRecords"
      dimensions  = { deployment = var.prefix, service = "publisher" }
      statistic   = "Sum"
      comparison  = "LessThanOrEqualToThreshold"
      period      = 86400
      periods     = 1
      datapoints  = 1
      threshold   = 0
    }
    batches-given-up = {
      description = "Lambda gave up stream batches and wrote them to the failure store; no subscriber has seen these changes. Runbook: docs/runbooks/failure-store.md"
      namespace   = "AWS/S3"
      metric      = "PutRequests"
      dimensions  = { BucketName = module.failure_store.bucket_name, FilterId = module.failure_store.given_up_filter }
      statistic   = "Sum"
      periods     = 1
      datapoints  = 1
      threshold   = 0
    }
    given-up-batches-lost = {
      description = "Lambda could not write a batch that it gave up to the failure store; these changes are lost unless reconcile repairs them. Runbook: docs/runbooks/failure-store.md"
      namespace   = "AWS/Lambda"
      metric      = "DestinationDeliveryFailures"
      dimensions  = { FunctionName = module.function.name }
      statistic   = "Sum"
      periods     = 1
      datapoints  = 1
      threshold   = 0
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
  period              = try(each.value.period, 60)
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = try(each.value.comparison, "GreaterThanThreshold")
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}
