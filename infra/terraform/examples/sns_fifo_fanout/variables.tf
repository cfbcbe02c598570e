variable "region" {
  description = "AWS region of everything, the Accounts table's own."
  type        = string
  default     = null
}

variable "prefix" {
  description = "Leads every name and the SSM paths (/PREFIX/...); 1 to 20 characters."
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

variable "accounts_table_kms_key_arn" {
  description = "ARN of the existing Accounts table's own customer-managed key, where it has one."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor of the functions and of their packages: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "package_folder" {
  description = "Folder with the packages that `make package` built; null takes dist/ of this checkout."
  type        = string
  default     = null
}

variable "stream_mapping_enabled" {
  description = "false leaves the stream unread, for maintenance of less than 24 hours."
  type        = bool
  default     = true
}

variable "park_by_customer" {
  description = "Whether a customer's later events wait behind one that is parked, instead of overtaking it."
  type        = bool
  default     = false
}

variable "table_deletion_protection" {
  description = "Whether DynamoDB refuses to delete the tables that this creates."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}
