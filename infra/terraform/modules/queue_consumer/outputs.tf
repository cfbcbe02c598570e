output "consumer" {
  description = "The consumer, as the module `subscriber` takes it in `consumer`."
  value = {
    function_name = module.function.name
    mapping_id    = aws_lambda_event_source_mapping.queue.uuid
    table         = var.table.name
    # null where no event waits behind a parked one.
    parked_groups_table = local.parked_groups_table
    page_alarms         = local.page_alarms
    lag_alarms          = concat(aws_cloudwatch_metric_alarm.lag[*].alarm_name, aws_cloudwatch_metric_alarm.lag_now[*].alarm_name)
    alarm_names = concat(
      values(aws_cloudwatch_metric_alarm.function)[*].alarm_name,
      aws_cloudwatch_metric_alarm.stopped[*].alarm_name,
      aws_cloudwatch_metric_alarm.lag[*].alarm_name,
      aws_cloudwatch_metric_alarm.lag_now[*].alarm_name,
      values(aws_cloudwatch_metric_alarm.retries)[*].alarm_name,
      aws_cloudwatch_metric_alarm.failing[*].alarm_name,
      values(aws_cloudwatch_metric_alarm.counts)[*].alarm_name,
    )
    service_name   = local.service_name
    log_group_name = module.function.log_group_name

    end_to_end_lag_alarm_milliseconds = var.end_to_end_lag_alarm_milliseconds
  }
}

output "parked_groups_table" {
  description = "Name of the table of parked groups; null without park_by_customer."
  value       = local.parked_groups_table
}

output "function_name" {
  description = "Name of the consumer's function."
  value       = module.function.name
}

output "live_version" {
  description = "Version of the consumer that runs; what `live_version` takes for a rollback."
  value       = module.function.live_version
}

output "role_name" {
  description = "Name of the consumer's role."
  value       = module.function.role_name
}

output "mapping_id" {
  description = "Id of the mapping from the queue to the consumer."
  value       = aws_lambda_event_source_mapping.queue.uuid
}

output "service_name" {
  description = "The `service` dimension of the consumer's metrics."
  value       = local.service_name
}
