variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "Must be 1 to 20 of a-z, 0-9 and -, start with a letter and not end with -: otherwise names made of it, such as the failure bucket's, are invalid, and the apply would fail halfway."
  }
}

variable "subscriber" {
  description = "The subscriber: the output `subscriber` of the module of that name."
  type = object({
    name                       = string
    queue_arn                  = string
    queue_url                  = string
    dlq_arn                    = string
    dlq_url                    = string
    is_fifo                    = bool
    max_receive_count          = number
    visibility_timeout_seconds = number
    kms_key_arn                = string
  })
}

variable "table" {
  description = "The table that the consumer keeps: name, ARN, and its key if it is not the queue's."
  type = object({
    name        = string
    arn         = string
    kms_key_arn = optional(string)
  })
}

variable "package" {
  description = "The zip with the code, by `path` or in S3, as in the module `lambda_function`."
  type        = any
}

variable "service_name" {
  description = "The consumer's package and the `service` dimension of its metrics; null takes NAME_consumer."
  type        = string
  default     = null
}

variable "handler" {
  description = "Module and function that Lambda calls; null takes SERVICE_NAME.lambda_entry.lambda_handler."
  type        = string
  default     = null
}

variable "write_in_batches" {
  description = "Whether the rows of up to 25 customers are written in one call; false writes each in its own."
  type        = bool
  default     = true
}

variable "extra_environment" {
  description = "Further environment variables of the consumer."
  type        = map(string)
  default     = {}
}

variable "extra_statements" {
  description = "Further IAM statements that the consumer needs."
  type        = any
  default     = []
}

# ---------------------------------------------------------------- park by customer

variable "park_by_customer" {
  description = "Whether a customer's later events wait behind a parked one, instead of overtaking it; FIFO queues only. Creates a table that notes what is parked."
  type        = bool
  default     = false

  validation {
    condition     = !var.park_by_customer || var.subscriber.is_fifo
    error_message = "A standard queue has no order to keep: the consumer would refuse to start, and every message would be retried until it is in the DLQ. Use a FIFO topic, or leave it false."
  }
}

variable "parked_groups_deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table of parked groups; without it, a customer's later events overtake the parked one."
  type        = bool
  default     = true
}

# ---------------------------------------------------------------- the mapping

variable "timeout_seconds" {
  description = "Seconds that an invocation may take."
  type        = number
  default     = 30

  validation {
    condition     = var.subscriber.visibility_timeout_seconds >= 6 * var.timeout_seconds + var.batch_window_seconds
    error_message = "The queue's visibility must be at least 6 x timeout_seconds + batch_window_seconds, or a second worker gets the message while the first still runs, and throttles use up its deliveries. Raise consumer_timeout_seconds of the subscriber."
  }
}

variable "mapping_enabled" {
  description = "false stops the mapping, for maintenance shorter than the queue's retention."
  type        = bool
  default     = true
}

variable "batch_size" {
  description = "Largest number of messages in one invocation: 1 to 10; up to 10000 with a window, on a standard queue."
  type        = number
  default     = 10

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= (var.subscriber.is_fifo ? 10 : 10000)
    error_message = "Must be 1 to 10000, and at most 10 on a FIFO queue: Lambda refuses more, and the apply would fail halfway."
  }
}

variable "batch_window_seconds" {
  description = "Seconds to gather a batch (0 to 300): fewer invocations, later rows."
  type        = number
  default     = 0

  validation {
    condition     = var.batch_window_seconds >= 0 && var.batch_window_seconds <= 300
    error_message = "Must be 0 to 300; each second is added to every row's delay."
  }
  validation {
    condition     = var.batch_size <= 10 || var.batch_window_seconds >= 1
    error_message = "Lambda needs a window of at least a second for batches of more than 10, and refuses the mapping without."
  }
  validation {
    condition     = !var.subscriber.is_fifo || var.batch_window_seconds == 0
    error_message = "A FIFO queue has no window: Lambda refuses the mapping, and the apply would fail halfway."
  }
}

variable "maximum_concurrency" {
  description = "Largest number of concurrent invocations (2 to 1000)."
  type        = number
  default     = 10

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000
    error_message = "Must be 2 to 1000, the range that Lambda accepts; without a limit, throttles would use up deliveries and dead-letter healthy messages."
  }
  validation {
    condition     = var.reserved_concurrency == -1 || var.maximum_concurrency <= var.reserved_concurrency
    error_message = "Must not exceed reserved_concurrency: the excess is received only to be throttled, and throttles use up deliveries and dead-letter healthy messages."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent invocations that are reserved for the consumer, and its limit; -1 reserves none."
  type        = number
  default     = -1
}

# ---------------------------------------------------------------- function, alarms

variable "function_settings" {
  description = "What your platform asks of every function: runtime, memory, logs, VPC, layers, role and so on, as `settings` of the module `lambda_function`."
  type        = any
  default     = {}
}

variable "live_version" {
  description = "Version that the alias `live` is pinned to, such as \"7\", for a rollback; null follows the newest version."
  type        = string
  default     = null
}

variable "end_to_end_lag_alarm_milliseconds" {
  description = "Milliseconds from the table write to the row that 99% of the batches should take at most; two alarms page when far fewer do."
  type        = number
  default     = 60000

  validation {
    condition     = var.end_to_end_lag_alarm_milliseconds >= 5000 && var.end_to_end_lag_alarm_milliseconds <= 86400000
    error_message = "Must be 5000 to 86400000; the time of a write is known to the second only, so less would alarm for nothing."
  }
}

variable "create_alarms" {
  description = "Whether alarms are created; without them nobody learns what fails, waits or is lost."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that tickets notify; an empty list notifies nobody. The other alarms page through PREFIX-NAME-page, of the module `subscriber`. A topic with its own key must let cloudwatch.amazonaws.com use it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))])
    error_message = "Must be ARNs of standard SNS topics; CloudWatch can notify no others, and alarms would reach nobody."
  }
}

variable "runbook_base_url" {
  description = "Where your copy of docs/runbooks is served, without a slash at the end; each alarm's description links to its page there."
  type        = string
  default     = "docs/runbooks"

  validation {
    condition     = can(regex("^(docs/runbooks|https://[!-~]{1,150}[^/])$", var.runbook_base_url))
    error_message = "Must be an https URL without a slash at the end, or docs/runbooks; the links in alarms would lead nowhere."
  }
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}

