output "arn" {
  description = "ARN of the key. A given key that would refuse what it is needed for fails the plan here."
  value       = local.is_given ? var.kms_key.arn : aws_kms_key.this[0].arn

  precondition {
    condition     = !local.is_given || local.is_read || try(var.kms_key.policy, null) != null
    error_message = "kms_key needs its policy (`policy`, or `read_policy = true`): a key that does not admit SNS or EventBridge fails nowhere, its messages just never arrive."
  }
  precondition {
    condition     = !local.is_given || !local.admits_sns || length(local.for_these_topics) > 0
    error_message = "The key's policy does not let sns.amazonaws.com use kms:Decrypt and kms:GenerateDataKey for this topic: SNS could not write into the encrypted queues, and every event would be lost without an error at the publisher."
  }
  precondition {
    condition     = !local.is_given || !local.admits_rules || length(local.for_rules) > 0
    error_message = "The key's policy does not let events.amazonaws.com use kms:Decrypt and kms:GenerateDataKey for queues (a condition on aws:SourceArn or aws:SourceAccount refuses it, since EventBridge sends neither): no event would reach the queue."
  }
  precondition {
    condition     = !local.is_given || !local.admits_buses || length(local.for_buses) > 0
    error_message = "The key's policy does not let events.amazonaws.com use kms:Decrypt and kms:GenerateDataKey for the bus: every published event would be refused or lost."
  }
  precondition {
    condition     = !local.is_given || length(local.open_to_a_service) == 0
    error_message = "The key's policy admits a whole AWS service without a condition: topics and rules of any account could use it. Add aws:SourceArn and aws:SourceAccount for SNS, kms:EncryptionContext:aws:sqs:arn for EventBridge."
  }
}

output "policy" {
  description = "The key's policy (JSON): what a module that takes this key checks."
  value       = local.is_given ? local.given_policy : local.policy
}

output "key" {
  description = "ARN and policy in one, as the other modules' `kms_key` takes it."
  value = {
    arn    = local.is_given ? var.kms_key.arn : aws_kms_key.this[0].arn
    policy = local.is_given ? local.given_policy : local.policy
  }
}
