variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "Must be 1 to 20 of a-z, 0-9 and -, start with a letter and not end with -: otherwise names made of it, such as the failure bucket's, are invalid, and the apply would fail halfway."
  }
}

variable "transport" {
  description = "What carries the events: `sns` (standard topic), `sns-fifo` (ordered per customer) or `eventbridge`."
  type        = string
  default     = "sns"

  validation {
    condition     = contains(["sns", "sns-fifo", "eventbridge"], var.transport)
    error_message = "Must be sns, sns-fifo or eventbridge: the publisher can write to no other bus."
  }
}

variable "name" {
  description = "Name of the topic or bus, without .fifo; null takes PREFIX-customer-status."
  type        = string
  default     = null

  validation {
    condition     = var.name == null || can(regex("^[A-Za-z0-9_-]{1,200}$", var.name))
    error_message = "Must be 1 to 200 of A-Z, a-z, 0-9, _ and -: `.fifo` is added where it belongs, and AWS refuses the rest."
  }
  validation {
    condition     = var.name == null || var.transport != "eventbridge" || try(length(var.name) <= (var.archive_retention_days == null ? 72 : 48), true)
    error_message = "A bus's archive has its name, of up to 48 characters, and its queue NAME-bus-dlq up to 80: use at most 48, or 72 without archive, or the apply would fail halfway."
  }
}

variable "publish_versions" {
  description = "Major versions of the event that the publisher writes side by side: [2], or [1, 2] during a migration."
  type        = list(number)
  default     = [2]
  nullable    = false

  validation {
    condition     = length(var.publish_versions) > 0 && length(setsubtract(var.publish_versions, local.known_versions)) == 0
    error_message = "An unknown version: the publisher would refuse to start, and changes would wait in the stream until it forgets them after 24 hours. Known: ${join(", ", local.known_versions)}."
  }
  validation {
    condition     = contains(var.publish_versions, max(local.known_versions...))
    error_message = "Must include ${max(local.known_versions...)}: older versions have no removals and no snapshots, so subscribers could not be seeded."
  }
  validation {
    condition     = var.transport != "sns-fifo" || length(var.publish_versions) == 1
    error_message = "A FIFO topic carries one major version: subscribers would have to filter by version, and a filter on a FIFO subscription makes delivery at most once, so events would be lost."
  }
}

variable "archive_retention_days" {
  description = "Days that events are kept for replay (1 to 365 on sns-fifo); null keeps none; 0 switches off the archive that a FIFO topic has, and deletes its events. A standard topic has no archive."
  type        = number
  default     = null

  validation {
    condition     = var.archive_retention_days == null || var.transport != "sns"
    error_message = "A standard SNS topic has no archive: nothing would be kept, and a replay would find nothing. Use sns-fifo or eventbridge."
  }
  validation {
    condition     = var.archive_retention_days == null || try(var.transport == "sns-fifo" ? var.archive_retention_days >= 0 && var.archive_retention_days <= 365 : var.archive_retention_days >= 1, false)
    error_message = "Must be at least 1 day on eventbridge, which keeps events forever with 0, and 0 to 365 on sns-fifo: SNS refuses more, and the apply would fail halfway."
  }
}

variable "kms_key" {
  description = "An existing customer-managed key to use instead of a new one, by its ARN; its policy needs the output `key_policy_statements`. Null creates a key."
  type        = object({ arn = string })
  default     = null
}

variable "key_deletion_window_days" {
  description = "Days between the deletion of a created key and the loss of all that it encrypted (7 to 30)."
  type        = number
  default     = 30
}

variable "tracing" {
  description = "Whether X-Ray gets traces of the topic. SNS passes the publisher's trace on either way."
  type        = bool
  default     = true
  nullable    = false
}

variable "subscriber_account_ids" {
  description = "Ids (12 digits) of other accounts that may subscribe queues of their own, and to which /PREFIX/bus is shared."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.subscriber_account_ids : can(regex("^[0-9]{12}$", account))])
    error_message = "Must be account ids of 12 digits: anything else makes AWS refuse the whole policy, or admits nobody."
  }
}

variable "share_outside_organization" {
  description = "Whether /PREFIX/bus may be shared with accounts outside this AWS organization; each of them has to accept."
  type        = bool
  default     = false
}

variable "create_alarms" {
  description = "Whether alarms are created; without them nobody learns what fails, waits or is lost."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that tickets notify; an empty list notifies nobody. The other alarms page through PREFIX-publisher-page, of the module `stream_publisher`. A topic with its own key must let cloudwatch.amazonaws.com use it."
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

