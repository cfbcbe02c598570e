variable "prefix" {
  description = "Leads every name and the SSM paths (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "Must be 1 to 20 of a-z, 0-9 and -, from a letter to a letter or digit: S3 refuses anything else in a bucket name, and the apply would fail halfway."
  }
}

variable "bus" {
  description = <<-EOT
    The bus: the output `bus` of the module `event_bus`, or the same from /PREFIX/bus. `transport` is
    `eventbridge`; `publish_versions` are the major versions that it carries.
  EOT
  type = object({
    transport        = string
    arn              = string
    publish_versions = optional(list(number))
  })

  validation {
    condition     = (split(":", var.bus.arn)[2] == "sns") == (var.bus.transport != "eventbridge")
    error_message = "bus.arn does not belong to bus.transport: an SNS topic and an EventBridge bus are subscribed differently, and nothing would arrive."
  }
  validation {
    condition     = var.bus.transport == "eventbridge"
    error_message = "A pipe needs an EventBridge bus: its SNS target carries no message attributes, so no subscriber's filter would ever match."
  }
}

variable "stream_arn" {
  description = "ARN of the Accounts table's stream, of view type NEW_AND_OLD_IMAGES."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}/stream/[0-9T:.-]+$", var.stream_arn))
    error_message = "Must be the ARN of a DynamoDB stream (.../table/NAME/stream/LABEL); the table's own ARN has no changes to read."
  }
}

variable "accounts_table_name" {
  description = "Name of the Accounts table, for backfill and reconcile; null takes it from the stream's ARN."
  type        = string
  default     = null
}

variable "accounts_table_kms_key_arn" {
  description = "ARN of the customer-managed key of the Accounts table, where it has one of its own; its policy must leave access to IAM, or name the role."
  type        = string
  default     = null

  validation {
    condition     = var.accounts_table_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.accounts_table_kms_key_arn))
    error_message = "Must be the ARN of a key, not of an alias: permissions on an alias do not let the stream be decrypted."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key for failure store, logs and environment: `kms_key_arn` of the module `event_bus`."
  type        = string
}

variable "bus_kms_key_arn" {
  description = "ARN of the key of the bus, where it is another one than `kms_key_arn`."
  type        = string
  default     = null
}

variable "package_path" {
  description = "Path of the publisher's package, such as dist/publisher-arm64.zip."
  type        = string
}

# ---------------------------------------------------------------- the Accounts table

variable "customer_id_attribute" {
  description = "Attribute that holds the customer's id; the table's partition key."
  type        = string
  default     = "customer_id"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,255}$", var.customer_id_attribute))
    error_message = "Must be 1 to 255 of A-Z, a-z, 0-9, _, . and -; every record would be parked."
  }
}

variable "status_attribute" {
  description = "Attribute that holds the customer's status."
  type        = string
  default     = "status"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,255}$", var.status_attribute))
    error_message = "Must be 1 to 255 of A-Z, a-z, 0-9, _, . and -; every record would be parked."
  }
}

variable "reason_attribute" {
  description = "Attribute that holds the reason code of the status; empty publishes no reason."
  type        = string
  default     = "status_reason"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.reason_attribute))
    error_message = "Must be an attribute name or empty; events would carry no reason."
  }
}

variable "changed_at_attribute" {
  description = "Attribute that holds when the status changed (RFC 3339); empty takes the time of the write, in whole seconds."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.changed_at_attribute))
    error_message = "Must be an attribute name or empty; events would carry the wrong time."
  }
}

variable "traceparent_attribute" {
  description = "Attribute that holds the W3C trace context of the write; empty starts no trace from it."
  type        = string
  default     = "traceparent"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.traceparent_attribute))
    error_message = "Must be an attribute name or empty; traces would break at the stream."
  }
}

variable "entity_filter" {
  description = "attribute=value of the items that are customers, for a table that holds other things too; empty takes every item as a customer."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]{1,255}=[A-Za-z0-9_.:/#@ -]{1,255})?$", var.entity_filter))
    error_message = "Must be attribute=value or empty; other items would be parked as customers without a status."
  }
}

variable "table_status_map" {
  description = "The table's own status values in the contract's words, such as active=ACTIVE,frozen=SUSPENDED; a value that is not in it has to be PENDING, ACTIVE, SUSPENDED or CLOSED itself. Empty translates none."
  type        = string
  default     = ""

  validation {
    condition = (
      can(regex("^([A-Za-z0-9_.:/#@ -]{1,100}=(PENDING|ACTIVE|SUSPENDED|CLOSED)(,[A-Za-z0-9_.:/#@ -]{1,100}=(PENDING|ACTIVE|SUSPENDED|CLOSED))*)?$", var.table_status_map)) &&
      length(split(",", var.table_status_map)) == length(distinct([for pair in split(",", var.table_status_map) : trimspace(split("=", pair)[0])]))
    )
    error_message = "Must be value=STATUS pairs with commas between them, each value once, each STATUS one of PENDING, ACTIVE, SUSPENDED, CLOSED, or empty; the publisher would refuse to start, and changes would wait in the stream."
  }
}

variable "sequence_attribute" {
  description = "Attribute that holds a counter raised by every write of the item (recommended, except for a table that is written in several Regions, where two writers can take the same number); empty orders by the stream's own sequence number."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.sequence_attribute))
    error_message = "Must be an attribute name or empty; every record would be parked."
  }
}

variable "sequence_epoch" {
  description = "Leads the order of all changes. Raise it by one when the counter starts anew (table restored, failover, sequence_attribute changed); never lower it."
  type        = number
  default     = 1

  validation {
    condition     = var.sequence_epoch >= 1 && var.sequence_epoch <= 9999 && floor(var.sequence_epoch) == var.sequence_epoch
    error_message = "Must be 1 to 9999; it is written in four digits, and a longer one would sort below all others."
  }
}

variable "event_source" {
  description = "URI of the producer, the `source` of every event; part of every event's identity."
  type        = string
  default     = "urn:novapay:accounts"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9:/._~#?=&%@-]{1,200}$", var.event_source))
    error_message = "Must be an absolute URI; a change gives every event a new id, so that repeats are no longer recognised."
  }
}

# ---------------------------------------------------------------- the pipe

variable "pipe_running" {
  description = "false stops the pipe, for maintenance of less than 24 hours, after which changes are trimmed unread."
  type        = bool
  default     = true
}

variable "batch_size" {
  description = "Records in one execution, at most floor(10 / published versions); null takes that."
  type        = number
  default     = null

  validation {
    condition     = var.batch_size == null || try(var.batch_size >= 1 && var.batch_size <= floor(10 / length(coalesce(var.bus.publish_versions, [2]))), false)
    error_message = "Must be 1 to ${floor(10 / length(coalesce(var.bus.publish_versions, [2])))}: each record becomes an event a version, a bus takes 10 in a call, and a pipe does not send a longer result, so the whole batch would be lost to subscribers."
  }
}

variable "batch_window_seconds" {
  description = "Seconds to gather a batch (0 to 300); 0 takes what is there."
  type        = number
  default     = 0

  validation {
    condition     = var.batch_window_seconds >= 0 && var.batch_window_seconds <= 300
    error_message = "Must be 0 to 300; each second is added to every event's delay."
  }
}

variable "parallelization_factor" {
  description = "Batches of one shard that run at the same time (1 to 10); order per customer is kept."
  type        = number
  default     = 2

  validation {
    condition     = var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "Must be 1 to 10, the range that Pipes accepts."
  }
}

variable "timeout_seconds" {
  description = "Seconds that the enrichment may take; a pipe's whole execution ends after 5 minutes."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 240
    error_message = "Must be 1 to 240: with more the pipe's own 5 minutes end before the enrichment, and its work is done again and again."
  }
}

# ---------------------------------------------------------------- failures

variable "failure_bucket_name" {
  description = "Name of the failure bucket; null takes PREFIX-failures-ACCOUNT-REGION."
  type        = string
  default     = null
}

variable "failure_version_retention_days" {
  description = "Days that overwritten or deleted objects of the failure store can be brought back (14 to 3650); current ones never expire."
  type        = number
  default     = 90
}

variable "failure_bucket_force_destroy" {
  description = "Whether a destroy deletes the failure bucket with the changes in it, which no subscriber has seen."
  type        = bool
  default     = false
}

# ---------------------------------------------------------------- function, alarms

variable "runtime" {
  description = "Lambda's Python: python3.12, python3.13 or python3.14, the one that the package was built for."
  type        = string
  default     = "python3.13"
}

variable "architecture" {
  description = "Processor of the function: arm64 or x86_64, as the package was built."
  type        = string
  default     = "arm64"
}

variable "memory_megabytes" {
  description = "Memory, and with it processor time, in megabytes (128 to 10240)."
  type        = number
  default     = 512
}

variable "log_level" {
  description = "Least severe level that the function logs; no level logs a payload."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "Must be DEBUG, INFO, WARNING or ERROR: the function would refuse to start with anything else."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept: 7, 14, 30, 60, 90, 180, 365, 731 or 1827."
  type        = number
  default     = 90
}

variable "snap_start" {
  description = "Whether new versions start from a snapshot: shorter cold starts, for a price per snapshot and restore."
  type        = bool
  default     = false
}

variable "live_version" {
  description = "Version that the alias `live` is pinned to, such as \"7\", for a rollback; null follows the newest."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "ARN of a permissions boundary for the roles; null sets none."
  type        = string
  default     = null
}

variable "stream_lag_alarm_milliseconds" {
  description = "Milliseconds that the enrichment may lag behind the table before an alarm."
  type        = number
  default     = 300000

  validation {
    condition     = var.stream_lag_alarm_milliseconds >= 10000 && var.stream_lag_alarm_milliseconds <= 43200000
    error_message = "Must be 10000 to 43200000 (12 hours): after that records are no longer retried but given up."
  }
}

variable "create_alarms" {
  description = "Whether alarms are created; without them nobody learns of what fails, waits or is lost."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that alarms notify; none notifies nobody. A topic with a key of its own must let cloudwatch.amazonaws.com use it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))])
    error_message = "Must be ARNs of standard SNS topics; CloudWatch can notify no others, and alarms would reach nobody."
  }
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}

