output "pipe_arn" {
  description = "ARN of the pipe."
  value       = aws_pipes_pipe.this.arn
}

output "pipe_name" {
  description = "Name of the pipe."
  value       = aws_pipes_pipe.this.name
}

output "function_name" {
  description = "Name of the enrichment."
  value       = module.function.name
}

output "live_version" {
  description = "Version of the enrichment that runs; what `live_version` takes for a rollback."
  value       = module.function.live_version
}

output "dlq_url" {
  description = "URL of the pipe's DLQ."
  value       = aws_sqs_queue.dlq.id
}

output "failure_bucket" {
  description = "Name of the failure store."
  value       = module.failure_store.bucket_name
}

output "accounts_table" {
  description = "Name of the Accounts table that is read."
  value       = local.accounts_table
}
