output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "live_arn" {
  description = "ARN of the alias `live`; known once the role may do what the function does."
  value       = aws_lambda_alias.live.arn
  # Lambda checks the role's permissions when a mapping is made.
  depends_on = [aws_iam_role_policy.this]
}

output "live_version" {
  description = "Version that runs."
  value       = aws_lambda_alias.live.function_version
}

output "newest_version" {
  description = "Version that was published last."
  value       = aws_lambda_function.this.version
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = aws_iam_role.this.name
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}
