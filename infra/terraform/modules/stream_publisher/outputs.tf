output "function_name" {
  description = "Name of the publisher's function."
  value       = module.function.name
}

output "live_version" {
  description = "Version of the publisher that runs; what `live_version` takes for a rollback."
  value       = module.function.live_version
}

output "role_name" {
  description = "Name of the role of the publisher's function."
  value       = module.function.role_name
}

output "mapping_id" {
  description = "Id of the mapping from the stream to the publisher; in a pipe, the pipe's name."
  value       = local.reader.mapping_id
}

output "pipe_arn" {
  description = "ARN of the pipe; null without one."
  value       = one(aws_pipes_pipe.this[*].arn)
}

output "dlq_url" {
  description = "URL of the pipe's DLQ; null without a pipe."
  value       = one(aws_sqs_queue.dlq[*].id)
}

output "failure_bucket" {
  description = "Name of the failure store."
  value       = module.failure_store.bucket_name
}

output "accounts_table" {
  description = "Name of the Accounts table that the publisher reads."
  value       = local.accounts_table
}

output "alarm_names" {
  description = "Names of its alarms."
  value = concat(
    values(aws_cloudwatch_metric_alarm.this)[*].alarm_name,
    values(aws_cloudwatch_metric_alarm.unseen)[*].alarm_name,
    aws_cloudwatch_composite_alarm.page[*].alarm_name,
  )
}

output "iterator_age_alarm_milliseconds" {
  description = "Milliseconds behind the table from which on its alarm counts."
  value       = var.iterator_age_alarm_milliseconds
}

output "log_group_name" {
  description = "Name of its log group."
  value       = module.function.log_group_name
}
