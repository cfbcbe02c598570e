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

variable "accounts_stream_arn" {
  description = "ARN of the existing Accounts table's stream (NEW_AND_OLD_IMAGES); null creates a table to try the system with."
  type        = string
  default     = null
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that alarms notify."
  type        = list(string)
  default     = []
}
