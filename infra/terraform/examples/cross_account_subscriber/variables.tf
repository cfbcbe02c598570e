variable "region" {
  description = "AWS region of both sides."
  type        = string
  default     = null
}

variable "bus_owner_profile" {
  description = "Profile of the AWS configuration for the account that owns the bus; null takes the default one."
  type        = string
  default     = null
}

variable "subscriber_profile" {
  description = "Profile of the AWS configuration for the subscriber's account; null takes the default one."
  type        = string
  default     = null
}

variable "subscriber_account_id" {
  description = "Id (12 digits) of the subscriber's account."
  type        = string
}

variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...) on both sides; 1 to 20 characters."
  type        = string
  default     = "fanout"
}

variable "transport" {
  description = "What carries the events: sns, sns-fifo or eventbridge."
  type        = string
  default     = "sns"
}

variable "share_outside_organization" {
  description = "Whether the subscriber's account is in another AWS organization; it then has to accept the share."
  type        = bool
  default     = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics in the subscriber's account that its alarms notify."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}
