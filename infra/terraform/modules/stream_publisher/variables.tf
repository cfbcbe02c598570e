variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "Must be 1 to 20 of a-z, 0-9 and -, start with a letter and not end with -: otherwise names made of it, such as the failure bucket's, are invalid, and the apply would fail halfway."
  }
}

variable "mode" {
  description = "What reads the stream: `function` (the publisher behind a Lambda mapping) or `pipe` (an EventBridge Pipe with the publisher as its enrichment)."
  type        = string
  default     = "function"

  validation {
    condition     = contains(["function", "pipe"], var.mode)
    error_message = "Must be function or pipe: nothing else reads the stream, and no change would be published."
  }
  validation {
    condition     = var.mode == "function" || var.bus.transport == "eventbridge"
    error_message = "A pipe needs an EventBridge bus: its SNS target carries no message attributes, so no subscriber's filter would ever match."
  }
}

variable "bus" {
  description = <<-EOT
    The bus: the output `bus` of the module `event_bus`, or the same from /PREFIX/bus. `transport` is
    `sns`, `sns-fifo` or `eventbridge`; `publish_versions` are the major versions that it carries;
    `page_alarms` the alarms that show in PREFIX-publisher-page.
  EOT
  type = object({
    transport        = string
    arn              = string
    publish_versions = optional(list(number))
    page_alarms      = optional(list(string), [])
  })

  validation {
    condition     = contains(["sns", "sns-fifo", "eventbridge"], var.bus.transport)
    error_message = "bus.transport must be sns, sns-fifo or eventbridge: the publisher can write to no other bus."
  }
  validation {
    condition     = (split(":", var.bus.arn)[2] == "sns") == (var.bus.transport != "eventbridge")
    error_message = "bus.arn does not belong to bus.transport: an SNS topic and an EventBridge bus are subscribed differently, and nothing would arrive."
  }
  validation {
    condition     = var.bus.transport == "eventbridge" || endswith(var.bus.arn, ".fifo") == (var.bus.transport == "sns-fifo")
    error_message = "FIFO and standard are mixed up: the ARN of a FIFO topic ends in .fifo and its transport is sns-fifo; SNS refuses a standard topic in front of a FIFO queue."
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

  validation {
    condition     = var.accounts_table_name == null || var.accounts_table_name == split("/", var.stream_arn)[1]
    error_message = "Must be the table of stream_arn: otherwise backfill and reconcile read another table than the publisher, and a repair writes its statuses."
  }
}

variable "accounts_table_kms_key_arn" {
  description = "ARN of the Accounts table's own customer-managed key, if it has one; its policy must delegate access to IAM, or name the role."
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
  description = "ARN of the key of the bus, if it is not `kms_key_arn`."
  type        = string
  default     = null
}

variable "package" {
  description = "The zip with the code, by `path` or in S3, as in the module `lambda_function`."
  type        = any
}

# ---------------------------------------------------------------- the Accounts table

variable "customer_id_attribute" {
  description = "Attribute that holds the customer's id; the table's partition key."
  type        = string
  default     = "customer_id"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,255}$", var.customer_id_attribute))
    error_message = "Must be 1 to 255 of A-Z, a-z, 0-9, _, . and -; every record would be parked."
  }
}

variable "status_attribute" {
  description = "Attribute that holds the customer's status."
  type        = string
  default     = "status"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{1,255}$", var.status_attribute))
    error_message = "Must be 1 to 255 of A-Z, a-z, 0-9, _, . and -; every record would be parked."
  }
}

variable "reason_attribute" {
  description = "Attribute that holds the reason code of the status; empty publishes no reason."
  type        = string
  default     = "status_reason"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.reason_attribute))
    error_message = "Must be an attribute name or empty; events would carry no reason."
  }
}

variable "changed_at_attribute" {
  description = "Attribute that holds when the status changed (RFC 3339); empty takes the time of the write, in whole seconds."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.changed_at_attribute))
    error_message = "Must be an attribute name or empty; events would carry the wrong time."
  }
}

variable "traceparent_attribute" {
  description = "Attribute that holds the W3C trace context of the write; empty starts no trace from it."
  type        = string
  default     = "traceparent"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.traceparent_attribute))
    error_message = "Must be an attribute name or empty; traces would break at the stream."
  }
}

variable "entity_filter" {
  description = "attribute=value of the items that are customers, for a table that also holds other items; empty treats every item as a customer."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]{1,255}=[A-Za-z0-9_.:/#@ -]{1,255})?$", var.entity_filter))
    error_message = "Must be attribute=value or empty; other items would be parked as customers without a status."
  }
}

variable "table_status_map" {
  description = "Translation of the table's own status values, such as active=ACTIVE,frozen=SUSPENDED; a value that is not listed must be PENDING, ACTIVE, SUSPENDED or CLOSED. Empty translates none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition = (
      can(regex("^([A-Za-z0-9_.:/#@ -]{1,100}=(PENDING|ACTIVE|SUSPENDED|CLOSED)(,[A-Za-z0-9_.:/#@ -]{1,100}=(PENDING|ACTIVE|SUSPENDED|CLOSED))*)?$", var.table_status_map)) &&
      length(split(",", var.table_status_map)) == length(distinct([for pair in split(",", var.table_status_map) : trimspace(split("=", pair)[0])]))
    )
    error_message = "Must be empty or comma-separated value=STATUS pairs, each value once, each STATUS one of PENDING, ACTIVE, SUSPENDED, CLOSED; otherwise the publisher would refuse to start, and changes would wait in the stream."
  }
}

variable "sequence_attribute" {
  description = "Attribute with a counter that every write of the item raises (recommended, except for a table that is written in several Regions, where two writers can take the same number); empty orders by the stream's sequence number."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.sequence_attribute))
    error_message = "Must be an attribute name or empty; every record would be parked."
  }
}

variable "sequence_epoch" {
  description = "First part of every sequence. Raise it by one when the counter restarts (table restored, failover, sequence_attribute changed); never lower it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.sequence_epoch >= 1 && var.sequence_epoch <= 9999 && floor(var.sequence_epoch) == var.sequence_epoch
    error_message = "Must be a whole number from 1 to 9999: it is written in four digits, and a longer one would sort below all others."
  }
}

variable "event_source" {
  description = "URI of the producer, the `source` of every event; part of every event's identity."
  type        = string
  default     = "urn:novapay:accounts"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9:/._~#?=&%@-]{1,200}$", var.event_source))
    error_message = "Must be an absolute URI; a change gives every event a new id, so that duplicates are no longer recognised."
  }
}

# ---------------------------------------------------------------- mapping or pipe

variable "mapping_enabled" {
  description = "false stops the mapping or pipe, for maintenance of less than 24 hours, after which the stream drops changes unread."
  type        = bool
  default     = true
}

variable "batch_size" {
  description = "Largest number of records in one invocation; null takes 1000, or in a pipe floor(10 / published versions)."
  type        = number
  default     = null

  validation {
    condition     = var.batch_size == null || try(var.batch_size >= 1 && var.batch_size <= 10000, false)
    error_message = "Must be 1 to 10000, the range that Lambda accepts for a stream."
  }
  validation {
    condition     = var.batch_size == null || var.mode == "function" || try(var.batch_size <= floor(10 / length(coalesce(var.bus.publish_versions, [2]))), false)
    error_message = "A pipe takes at most ${floor(10 / length(coalesce(var.bus.publish_versions, [2])))}: each record becomes one event per version, a bus accepts 10 in a call, and a pipe does not send a longer result, so subscribers would lose the whole batch."
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
    error_message = "Must be 1 to 10, the range that Lambda and Pipes accept."
  }
}

variable "timeout_seconds" {
  description = "Seconds that an invocation may take (1 to 900; in a pipe up to 240)."
  type        = number
  default     = 60

  validation {
    condition     = var.mode == "function" || var.timeout_seconds <= 240
    error_message = "In a pipe at most 240: with more, the pipe's own limit of 5 minutes comes first, and the same work is repeated again and again."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent invocations that are reserved for the publisher, and its limit; -1 reserves none."
  type        = number
  default     = -1
}

# ---------------------------------------------------------------- failures

variable "failure_bucket_name" {
  description = "Name of the failure bucket; null takes PREFIX-failures-ACCOUNT-REGION."
  type        = string
  default     = null
}

variable "failure_version_retention_days" {
  description = "Days that overwritten or deleted objects of the failure store can be restored (14 to 3650); current ones never expire."
  type        = number
  default     = 90
}

variable "failure_bucket_force_destroy" {
  description = "Whether a destroy deletes the failure bucket with the changes in it, which no subscriber has seen."
  type        = bool
  default     = false
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

variable "iterator_age_alarm_milliseconds" {
  description = "Milliseconds that the publisher may lag behind the table before an alarm."
  type        = number
  default     = 300000

  validation {
    condition     = var.iterator_age_alarm_milliseconds >= 10000 && var.iterator_age_alarm_milliseconds <= 43200000
    error_message = "Must be 10000 to 43200000 (12 hours): after that, records are no longer retried but given up."
  }
}

variable "create_alarms" {
  description = "Whether alarms are created; without them nobody learns what fails, waits or is lost."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that pages notify: somebody is needed now; an empty list notifies nobody. A topic with its own key must let cloudwatch.amazonaws.com use it."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))])
    error_message = "Must be ARNs of standard SNS topics; CloudWatch can notify no others, and alarms would reach nobody."
  }
}

variable "ticket_topic_arns" {
  description = "ARNs of the standard SNS topics that tickets notify: what can wait until tomorrow; null takes alarm_topic_arns."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for arn in coalesce(var.ticket_topic_arns, []) : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", arn))])
    error_message = "Must be ARNs of standard SNS topics; CloudWatch can notify no others, and tickets would reach nobody."
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

