output "table" {
  value = aws_dynamodb_table.this.name
}

output "queue_url" {
  value = module.subscriber.queue_url
}

output "dlq_url" {
  value = module.subscriber.dlq_url
}

output "dashboard" {
  value = module.subscriber.dashboard
}

output "parked_groups_table" {
  value = module.consumer.parked_groups_table
}

output "live_version" {
  value = module.consumer.live_version
}
