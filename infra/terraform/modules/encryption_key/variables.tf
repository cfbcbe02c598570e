variable "kms_key" {
  description = "An existing customer-managed key to use instead of a new one, by its ARN; its policy needs the output `policy_statements`. Null creates a key."
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key.arn))
    error_message = "Must be the ARN of a key, not of an alias: permissions on an alias open nothing, and every write would be refused."
  }
}

variable "alias" {
  description = "Alias of a new key, without `alias/`."
  type        = string
}

variable "description" {
  description = "What a new key is for."
  type        = string
  default     = "Customer status fan-out"
}

variable "topic_arns" {
  description = "ARNs of the SNS topics that deliver into queues with this key."
  type        = list(string)
  default     = []
}

variable "queue_arn_patterns" {
  description = "ARNs, or ARN patterns, of the queues with this key that EventBridge rules deliver into."
  type        = list(string)
  default     = []
}

variable "event_bus_arns" {
  description = "ARNs of the EventBridge buses whose events this key encrypts."
  type        = list(string)
  default     = []
}

variable "log_group_arn_patterns" {
  description = "ARNs, or ARN patterns, of the log groups that this key encrypts."
  type        = list(string)
  default     = []
}

variable "user_account_ids" {
  description = "Ids (12 digits) of other accounts whose roles encrypt and decrypt with a new key."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.user_account_ids : can(regex("^[0-9]{12}$", account))])
    error_message = "Must be account ids of 12 digits: anything else makes KMS refuse the whole key policy."
  }
}

variable "deletion_window_days" {
  description = "Days between the deletion of a new key and the loss of all that it encrypted (7 to 30)."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "Must be 7 to 30 days, the range of KMS; a short one leaves little time to notice that data became unreadable."
  }
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}
