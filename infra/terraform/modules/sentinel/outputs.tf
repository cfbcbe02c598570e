output "function_name" {
  description = "Name of the function."
  value       = module.function.name
}

output "role_name" {
  description = "Name of its role, which the owner of a table without the deployment's prefix lets read it."
  value       = module.function.role_name
}

output "alarm_names" {
  description = "Names of its alarms."
  value       = values(aws_cloudwatch_metric_alarm.this)[*].alarm_name
}

output "log_group_name" {
  description = "Name of its log group."
  value       = module.function.log_group_name
}
