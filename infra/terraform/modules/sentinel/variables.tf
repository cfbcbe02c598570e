variable "prefix" {
  description = "Prefix of the deployment to look after; 1 to 20 characters."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "Must be 1 to 20 of a-z, 0-9 and -, from a letter to a letter or digit: otherwise the names made of it are invalid, and the apply would fail halfway."
  }
}

variable "bus" {
  description = "The bus, as the module `event_bus` gives it out."
  type = object({
    transport = string
    arn       = string
  })
}

variable "kms_key_arn" {
  description = "ARN of the deployment's key: of its logs, its environment and the subscribers' tables."
  type        = string
}

variable "accounts_table" {
  description = "The Accounts table: its ARN, and the ARN of its own key if it has one."
  type = object({
    arn         = string
    kms_key_arn = optional(string)
  })
}

variable "failure_bucket" {
  description = "Name of the publisher's failure store."
  type        = string
}

variable "pipe_name" {
  description = "Name of the pipe that publishes; null without one."
  type        = string
  default     = null
}

variable "compare_hours" {
  description = "How many hours a round over all customers takes; with 12 or less, each is compared within 24 hours even where a run is missed."
  type        = number
  nullable    = false
  default     = 12

  validation {
    condition     = var.compare_hours >= 1 && var.compare_hours <= 24 && floor(var.compare_hours) == var.compare_hours
    error_message = "Must be a whole number from 1 to 24: with more a lost change could stay unnoticed for longer than a day, after which the stream has deleted it."
  }
}

variable "read_units" {
  description = "Read capacity units a second that it may take from the Accounts table; a round takes about 1.1 a customer for each subscriber."
  type        = number
  nullable    = false
  default     = 100

  validation {
    condition     = var.read_units >= 1 && var.read_units <= 10000 && floor(var.read_units) == var.read_units
    error_message = "Must be a whole number from 1 to 10000; the function would refuse to start."
  }
}

variable "package" {
  description = "The zip with the code, as in the module `lambda_function`."
  type = object({
    path              = optional(string)
    s3_bucket         = optional(string)
    s3_key            = optional(string)
    s3_object_version = optional(string)
  })
}

variable "function_settings" {
  description = "What your platform asks of every function, as `settings` of the module `lambda_function`."
  type        = any
  default     = {}
}

variable "create_alarms" {
  description = "Whether to create the alarms."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that the alarms notify; both can wait until tomorrow."
  type        = list(string)
  default     = []
}

variable "runbook_base_url" {
  description = "Where your copy of docs/runbooks is served, without a slash at the end; each alarm's description links to its page there."
  type        = string
  default     = "docs/runbooks"
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}
