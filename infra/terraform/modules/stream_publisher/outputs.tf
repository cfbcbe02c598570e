output "function_name" {
  description = "Name of the publisher."
  value       = module.function.name
}

output "live_version" {
  description = "Version of the publisher that runs; what `live_version` takes for a rollback."
  value       = module.function.live_version
}

output "role_name" {
  description = "Name of the publisher's role."
  value       = module.function.role_name
}

output "mapping_id" {
  description = "Id of the mapping from the stream to the publisher."
  value       = aws_lambda_event_source_mapping.stream.uuid
}

output "failure_bucket" {
  description = "Name of the failure store."
  value       = module.failure_store.bucket_name
}

output "accounts_table" {
  description = "Name of the Accounts table that is read."
  value       = local.accounts_table
}
