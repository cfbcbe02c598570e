output "bus_arn" {
  description = "ARN of the topic or bus."
  value       = module.event_bus.arn
}

output "discovery_parameter_arn" {
  description = "ARN of the shared parameter /PREFIX/bus."
  value       = module.event_bus.discovery_parameter_arn
}

output "queue_url" {
  description = "URL of the subscriber's queue."
  value       = module.fraud.queue_url
}

output "filter" {
  description = "What the subscriber receives."
  value       = module.fraud.filter
}

output "consumer_statements" {
  description = "IAM statements that the subscriber's own workers need."
  value       = module.fraud.consumer_statements
}
