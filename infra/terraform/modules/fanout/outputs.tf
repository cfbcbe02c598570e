output "bus" {
  description = "The bus, as the module `subscriber` takes it in `bus`."
  value       = module.event_bus.bus
}

output "kms_key" {
  description = "The key, as the module `subscriber` takes it in `kms_key`."
  value       = module.event_bus.kms_key
}

output "key_policy_statements" {
  description = "Statements that the policy of a given key needs."
  value       = module.event_bus.key_policy_statements
}

output "accounts_table" {
  description = "Name of the Accounts table that the publisher reads."
  value       = module.publisher.accounts_table
}

output "failure_bucket" {
  description = "Name of the publisher's failure store."
  value       = module.publisher.failure_bucket
}

output "subscribers" {
  description = "By the subscriber's name: its table, queue and DLQ, and its table of parked groups (null without park_by_customer)."
  value = {
    for name, it in module.subscriber : name => {
      table               = it.table
      queue_url           = it.queue_url
      dlq_url             = it.dlq_url
      parked_groups_table = it.parked_groups_table
    }
  }
}

output "live_versions" {
  description = "Versions that run, by function; what publisher_live_version, or a subscriber's live_version, takes for a rollback."
  value       = merge({ publisher = module.publisher.live_version }, { for name, it in module.subscriber : name => it.live_version })
}
