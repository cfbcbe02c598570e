output "bus" {
  description = "What the modules `stream_publisher`, `stream_pipe` and `subscriber` take as `bus`."
  value = {
    transport        = var.transport
    arn              = local.arn
    publish_versions = var.publish_versions
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
  description = "ARN and policy of the key, as the other modules' `kms_key` takes it."
  value       = module.key.key
}

output "kms_key_arn" {
  description = "ARN of the key."
  value       = module.key.arn
}

output "discovery_parameter_arn" {
  description = "ARN of /PREFIX/bus; other accounts read the shared parameter by it."
  value       = aws_ssm_parameter.bus.arn
}

output "archive_arn" {
  description = "ARN of the EventBridge archive; null where there is none."
  value       = one(aws_cloudwatch_event_archive.this[*].arn)
}
