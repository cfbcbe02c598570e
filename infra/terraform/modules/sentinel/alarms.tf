locals {
  type_it = "Type `fanout --prefix ${var.prefix} doctor`. Runbook: ${var.runbook_base_url}/sentinel.md"

  alarms = {
    # Missing data is an alarm here; so it is on for up to 15 minutes after the first deployment.
    # Runs that compare nothing write 0: half an hour of these is enough. Where nothing runs, CloudWatch
    # looks at two periods more before it takes data for missing: an hour in all.
    stopped = {
      description = "For at least half an hour no run of the sentinel compared rows: lost changes stay unnoticed, and wrong settings too if no run starts. ${local.type_it}"
      metric      = "SentinelRuns"
      comparison  = "LessThanOrEqualToThreshold"
      missing     = "breaching"
      period      = 900
      periods     = 2
    }
    findings = {
      description = "The deployment is set up wrongly, or a table could not be compared: changes are lost, late or will be. ${local.type_it}"
      metric      = "SentinelFindings"
      comparison  = "GreaterThanThreshold"
      missing     = "notBreaching"
      period      = 3600
      periods     = 1
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.create_alarms }

  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "CustomerStatusFanout"
  metric_name         = each.value.metric
  dimensions          = { deployment = var.prefix, service = "sentinel" }
  statistic           = "Sum"
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = 0
  treat_missing_data  = each.value.missing
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}
