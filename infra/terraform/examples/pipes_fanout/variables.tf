variable "region" {
  description = "AWS region of everything; that of the Accounts table."
  type        = string
  default     = null
}

variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"
}

variable "accounts_table" {
  description = "The existing Accounts table: its `stream_arn` (NEW_AND_OLD_IMAGES), and which attributes hold what, as in the module `fanout`."
  type        = any
  default     = {}
}

variable "create_accounts_table" {
  description = "Whether to create an Accounts table to try the system with, instead of reading an existing one."
  type        = bool
  default     = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that alarms notify."
  type        = list(string)
  default     = []
}
