output "accounts_table" {
  description = "Name of the Accounts table that is read."
  value       = module.publisher.accounts_table
}

output "payments_table" {
  description = "Name of the Payments table."
  value       = aws_dynamodb_table.payments.name
}

output "bus_arn" {
  description = "ARN of the bus that carries the events."
  value       = module.event_bus.arn
}

output "queue_url" {
  description = "URL of the Payments queue."
  value       = module.payments.queue_url
}

output "dlq_url" {
  description = "URL of the Payments DLQ."
  value       = module.payments.dlq_url
}

output "failure_bucket" {
  description = "Name of the publisher's failure store."
  value       = module.publisher.failure_bucket
}

output "live_versions" {
  description = "Versions that run; what `live_version` of the modules takes for a rollback."
  value = {
    publisher = module.publisher.live_version
    payments  = module.payments_consumer.live_version
  }
}
