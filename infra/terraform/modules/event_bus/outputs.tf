output "bus" {
  description = "The bus, as the modules `stream_publisher` and `subscriber` take it in `bus`."
  value = {
    transport        = var.transport
    arn              = local.arn
    publish_versions = var.publish_versions
    page_alarms      = local.page_alarms
  }
}

output "arn" {
  description = "ARN of the topic or bus."
  value       = local.arn
}

output "name" {
  description = "Name of the topic or bus."
  value       = local.name
}

output "kms_key" {
  description = "The key, as the other modules take it in `kms_key`."
  value       = module.key.key
}

output "kms_key_arn" {
  description = "ARN of the key."
  value       = module.key.arn
}

output "key_policy_statements" {
  description = "Statements that the policy of a given key needs."
  value       = module.key.policy_statements
}

output "discovery_parameter_arn" {
  description = "ARN of /PREFIX/bus, by which other accounts read the shared parameter."
  value       = aws_ssm_parameter.bus.arn
}

output "archive_arn" {
  description = "ARN of the EventBridge archive; null without one."
  value       = one(aws_cloudwatch_event_archive.this[*].arn)
}

output "alarm_names" {
  description = "Names of its alarms."
  value       = concat(values(aws_cloudwatch_metric_alarm.topic)[*].alarm_name, aws_cloudwatch_metric_alarm.undecipherable[*].alarm_name)
}
