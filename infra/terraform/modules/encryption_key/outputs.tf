output "arn" {
  description = "ARN of the key."
  value       = local.is_given ? var.kms_key.arn : aws_kms_key.this[0].arn
}

output "key" {
  description = "The key, as the other modules take it in `kms_key`."
  value       = { arn = local.is_given ? var.kms_key.arn : aws_kms_key.this[0].arn }
}

output "policy_statements" {
  description = "Statements that the key's policy needs. A new key has them; put them into the policy of a given key."
  value       = local.statements
}
