variable "transport" {
  description = "What carries the events: `sns` (standard topic), `sns_fifo` (ordered per customer), `eventbridge`, or `pipes` (EventBridge, with a pipe that reads the stream)."
  type        = string
  default     = "sns"

  validation {
    condition     = contains(["sns", "sns_fifo", "eventbridge", "pipes"], var.transport)
    error_message = "Must be sns, sns_fifo, eventbridge or pipes: nothing else carries events, and no subscriber would get any."
  }
}

variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"
}

variable "subscribers" {
  description = <<-EOT
    By the subscriber's name: the versions and changes that it takes (as in the module `subscriber`),
    whether a customer's later events wait behind a parked one (`sns_fifo` only), whether the rows of
    up to 25 customers are written in one call, and the version of its function to roll back to. Each gets a queue, a DLQ, a function and a table PREFIX-NAME; its
    package is NAME_consumer-ARCHITECTURE.zip.
  EOT
  type = map(object({
    schema_versions  = optional(list(number), [2])
    statuses         = optional(list(string))
    transitions      = optional(list(string))
    since            = optional(string, "")
    park_by_customer = optional(bool, false)
    write_in_batches = optional(bool, true)
    live_version     = optional(string)
  }))

  validation {
    condition     = length(setintersection(keys(var.subscribers), ["accounts", "publisher", "sentinel"])) == 0
    error_message = "A subscriber cannot be called accounts, publisher or sentinel: its table, DLQ or alarms would have the name of one that exists, and the apply would fail halfway."
  }
}

variable "accounts_table" {
  description = <<-EOT
    The existing Accounts table: its stream (view type NEW_AND_OLD_IMAGES), its own key if it has one,
    and which attributes hold what, as in the module `stream_publisher`.
  EOT
  type = object({
    stream_arn            = optional(string)
    name                  = optional(string)
    kms_key_arn           = optional(string)
    customer_id_attribute = optional(string)
    status_attribute      = optional(string)
    reason_attribute      = optional(string)
    changed_at_attribute  = optional(string)
    traceparent_attribute = optional(string)
    entity_filter         = optional(string)
    status_map            = optional(string)
    sequence_attribute    = optional(string)
    sequence_epoch        = optional(number)
  })
  default = {}

  validation {
    condition     = (var.accounts_table.stream_arn != null) != var.create_accounts_table
    error_message = "Must have accounts_table.stream_arn, the stream of your table, or create_accounts_table = true for a new table to try the system with: of both, one table would never be read; with neither there is nothing to read."
  }
  validation {
    condition     = !var.create_accounts_table || (var.accounts_table.name == null && var.accounts_table.kms_key_arn == null)
    error_message = "accounts_table.name and kms_key_arn describe an existing table and need its stream_arn: with create_accounts_table a new table would be read, and the named one never."
  }
}

variable "create_accounts_table" {
  description = "Whether to create an Accounts table to try the system with, instead of reading an existing one."
  type        = bool
  default     = false
}

variable "event_source" {
  description = "URI of the producer, the `source` of every event; null takes that of the module `stream_publisher`."
  type        = string
  default     = null
}

variable "publish_versions" {
  description = "Major versions of the event that the publisher writes side by side; null takes the newest."
  type        = list(number)
  default     = null
}

variable "archive_retention_days" {
  description = "Days that the bus keeps events for replay; null keeps none; 0 switches off the archive that a FIFO topic has. A standard SNS topic has no archive."
  type        = number
  default     = null
}

variable "kms_key" {
  description = "An existing customer-managed key to use instead of a new one, by its ARN; its policy needs the output `key_policy_statements`. Null creates a key."
  type        = object({ arn = string })
  default     = null
}

variable "subscriber_account_ids" {
  description = "Ids (12 digits) of other accounts that may subscribe queues of their own."
  type        = list(string)
  default     = []
}

variable "package_folder" {
  description = "Folder with the packages that `make package` built; null if `packages` names each."
  type        = string
  default     = null
}

variable "packages" {
  description = "By `publisher`, `sentinel` or a subscriber's name: its package by `path`, or in S3, as in the module `lambda_function`; the others come from `package_folder`."
  type = map(object({
    path              = optional(string)
    s3_bucket         = optional(string)
    s3_key            = optional(string)
    s3_object_version = optional(string)
  }))
  default = {}

  validation {
    condition     = length(setsubtract(keys(var.packages), concat(["publisher", "sentinel"], keys(var.subscribers)))) == 0
    error_message = "packages may name publisher, sentinel and the subscribers only: another name is a function that does not exist, and the one that was meant would get an old package."
  }
  validation {
    condition     = var.package_folder != null || length(setsubtract(concat(["publisher"], var.sentinel == null ? [] : ["sentinel"], keys(var.subscribers)), keys(var.packages))) == 0
    error_message = "Without package_folder, packages must name the publisher, the sentinel and every subscriber: a function without code cannot be deployed."
  }
}

variable "sentinel" {
  description = <<-EOT
    The function that checks the deployment every 5 minutes and compares all customers with the
    subscribers' tables, as in the module `sentinel`: in how many hours once (`compare_hours`), and
    how fast (`read_units`). Null leaves it out: a lost change stays unnoticed until somebody runs
    `fanout reconcile`.
  EOT
  type = object({
    compare_hours = optional(number)
    read_units    = optional(number)
  })
  default = {}
}

variable "function_settings" {
  description = "What your platform asks of every function: runtime, architecture, memory, logs, VPC, layers, role and so on, as `settings` of the module `lambda_function`."
  type        = any
  default     = {}
}

variable "stream_mapping_enabled" {
  description = "false leaves the stream unread, for maintenance of less than 24 hours, after which it drops changes unread."
  type        = bool
  default     = true
}

variable "publisher_live_version" {
  description = "Version of the publisher to roll back to, such as \"7\"; null follows the newest version."
  type        = string
  default     = null
}

variable "table_deletion_protection" {
  description = "Whether DynamoDB refuses to delete the tables that this creates."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "ARNs of the standard SNS topics that pages notify: somebody is needed now; an empty list notifies nobody. A topic with its own key must let cloudwatch.amazonaws.com use it."
  type        = list(string)
  default     = []
}

variable "ticket_topic_arns" {
  description = "ARNs of the standard SNS topics that tickets notify: what can wait until tomorrow; null takes alarm_topic_arns."
  type        = list(string)
  default     = null
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
