variable "prefix" {
  description = "Start of every name and SSM path (/PREFIX/...); 1 to 20 characters."
  type        = string
  default     = "fanout"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$", var.prefix))
    error_message = "Must be 1 to 20 of a-z, 0-9 and -, start with a letter and not end with -: otherwise names made of it, such as the failure bucket's, are invalid, and the apply would fail halfway."
  }
}

variable "name" {
  description = "Name of the subscriber, such as payments; 1 to 30 characters. The queue is called PREFIX-NAME."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", var.name)) && !endswith(var.name, "-dlq")
    error_message = "Must be 1 to 30 of a-z, 0-9 and -, start with a letter, and not end with - or -dlq: a longer one does not fit its function's name, and with -dlq another subscriber's DLQ would have the same name."
  }
}

variable "bus" {
  description = <<-EOT
    The bus: the output `bus` of the module `event_bus`, or the same from /PREFIX/bus. `transport` is
    `sns`, `sns-fifo` or `eventbridge`; `publish_versions` are the major versions that it carries.
  EOT
  type = object({
    transport        = string
    arn              = string
    publish_versions = optional(list(number))
  })

  validation {
    condition     = contains(["sns", "sns-fifo", "eventbridge"], var.bus.transport)
    error_message = "bus.transport must be sns, sns-fifo or eventbridge: nothing else delivers to a queue."
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

# ---------------------------------------------------------------- what it is told

variable "schema_versions" {
  description = "Major versions of the event that the subscriber takes."
  type        = list(number)
  default     = [2]

  validation {
    condition     = length(var.schema_versions) > 0 && length(setsubtract(var.schema_versions, local.known_versions)) == 0
    error_message = "An unknown version: no event carries it, so the subscriber would never get a message, and nothing would look wrong. Known: ${join(", ", local.known_versions)}."
  }
  validation {
    condition     = var.bus.publish_versions == null || try(length(setsubtract(var.schema_versions, var.bus.publish_versions)) == 0, false)
    error_message = "The publisher does not write this version to the bus: the subscriber would never get a message, and nothing would look wrong."
  }
  validation {
    condition     = var.bus.transport != "sns-fifo" || var.bus.publish_versions == null || try(length(setsubtract(var.bus.publish_versions, var.schema_versions)) == 0, false)
    error_message = "A FIFO topic delivers all that it carries, as a filter there makes delivery at most once: the subscriber would park every event of a version that it does not take."
  }
}

variable "statuses" {
  description = "Statuses to follow, such as [\"ACTIVE\"]: changes to and from them are delivered; null delivers every change."
  type        = list(string)
  default     = null

  validation {
    condition = var.statuses == null || try(length(var.statuses) > 0 && length(setsubtract(
      var.statuses, flatten([for major in var.schema_versions : local.known_statuses[major]])
    )) == 0, false)
    error_message = "A filter that can never match: the subscriber's versions have no such status, so it would never get those customers' events, and nothing would look wrong. Known: ${join("; ", [for major, statuses in local.known_statuses : "version ${major}: ${join(", ", statuses)}"])}."
  }
  validation {
    condition     = var.statuses == null || var.bus.transport != "sns-fifo"
    error_message = "A filter on a FIFO subscription makes delivery at most once: an event that fails once would be lost. Take everything, or use a standard topic."
  }
}

variable "transitions" {
  description = <<-EOT
    Single transitions that are delivered, as FROM>TO with "*" for any on one side and NONE for
    customers who were not there before: ["ACTIVE>CLOSED", "NONE>*"]. Null delivers every change.
  EOT
  type        = list(string)
  default     = null

  validation {
    condition     = var.transitions == null || var.statuses == null
    error_message = "Give statuses or transitions, not both: one of them would be ignored, and its events never delivered."
  }
  validation {
    condition = var.transitions == null || try(length(var.transitions) > 0 && alltrue([
      for one in var.transitions : one != "*>*" && anytrue([
        for possible in local.possible_transitions :
        contains(["*", split(">", possible)[0]], split(">", one)[0]) && contains(["*", split(">", possible)[1]], split(">", one)[1])
      ])
    ]), false)
    error_message = "A filter that can never match: a transition names a status that the subscriber's versions don't know, or no change at all, so it would never be delivered, and nothing would look wrong."
  }
  validation {
    condition     = var.transitions == null || var.bus.transport != "sns-fifo"
    error_message = "A filter on a FIFO subscription makes delivery at most once: an event that fails once would be lost. Take everything, or use a standard topic."
  }
  # Each status that is named has to be seen both ways: every arrival and every departure.
  validation {
    condition = var.transitions == null || !var.keeps_latest_state || try(alltrue([
      for possible in local.possible_transitions : anytrue([
        for one in var.transitions :
        contains(["*", split(">", possible)[0]], split(">", one)[0]) && contains(["*", split(">", possible)[1]], split(">", one)[1])
      ])
      if length(setintersection(split(">", possible), setsubtract(flatten([for one in var.transitions : split(">", one)]), ["*", "NONE"]))) > 0
    ]) && length(setsubtract(flatten([for one in var.transitions : split(">", one)]), ["*", "NONE"])) > 0, true)
    error_message = "The subscriber would see customers enter a status and not see them leave it, or leave it and not come back: its table would keep an outdated status forever. Use `statuses`, or `keeps_latest_state = false` if it keeps no table."
  }
}

variable "keeps_latest_state" {
  description = "Whether the subscriber keeps each customer's latest status, so that it needs every change away from a status, and its rows can drift."
  type        = bool
  default     = true
}

# ---------------------------------------------------------------- queue and DLQ

variable "consumer_timeout_seconds" {
  description = "Seconds that the consumer may take for a batch: its Lambda timeout, or that of any other worker."
  type        = number
  default     = 30

  validation {
    condition     = var.consumer_timeout_seconds >= 1 && var.consumer_timeout_seconds <= 900
    error_message = "Must be 1 to 900 seconds, the longest run of a Lambda function."
  }
}

variable "consumer_batch_window_seconds" {
  description = "Largest number of seconds that the consumer's mapping waits to gather a batch."
  type        = number
  default     = 1

  validation {
    condition     = var.consumer_batch_window_seconds >= 0 && var.consumer_batch_window_seconds <= 300
    error_message = "Must be 0 to 300 seconds, the range of Lambda."
  }
}

variable "visibility_timeout_seconds" {
  description = "Seconds that a received message stays hidden; null takes 6 x consumer_timeout_seconds + consumer_batch_window_seconds."
  type        = number
  default     = null

  validation {
    condition = var.visibility_timeout_seconds == null || try(
      var.visibility_timeout_seconds >= 6 * var.consumer_timeout_seconds + var.consumer_batch_window_seconds, false
    )
    error_message = "Must be at least 6 x consumer_timeout_seconds + consumer_batch_window_seconds, or a second worker gets the message while the first still runs, and throttles use up its deliveries."
  }
  validation {
    condition     = var.visibility_timeout_seconds == null || try(var.visibility_timeout_seconds <= 43200, false)
    error_message = "Must be at most 43200 seconds (12 hours), the range of SQS."
  }
}

variable "queue_retention_seconds" {
  description = "Seconds that the subscriber may be down before SQS deletes its messages unseen (default 7 days)."
  type        = number
  default     = 604800

  validation {
    condition     = var.queue_retention_seconds >= 259200 && var.queue_retention_seconds <= 864000
    error_message = "Must be 259200 to 864000 seconds (3 to 10 days): with less SQS would delete a message that keeps failing before its last delivery; and a dead message keeps its age, so with more it would reach its 14 days in the DLQ before anybody could decide on it."
  }
}

variable "dlq_retention_seconds" {
  description = "Seconds that a dead message is kept, counted from its first send (default 14 days, the limit of SQS)."
  type        = number
  default     = 1209600

  validation {
    condition     = var.dlq_retention_seconds > var.queue_retention_seconds
    error_message = "Must be longer than queue_retention_seconds: a dead message keeps its age, so SQS would delete it as it arrives in the DLQ, and nobody would ever see it."
  }
  validation {
    condition     = var.dlq_retention_seconds <= 1209600
    error_message = "Must be at most 1209600 seconds (14 days), the limit of SQS."
  }
}

variable "max_receive_count" {
  description = "Deliveries of a message before SQS moves it to the DLQ; 240 are enough for a 12-hour outage of what the consumer needs."
  type        = number
  default     = 240

  validation {
    condition     = var.max_receive_count >= 5 && var.max_receive_count <= 288
    error_message = "Must be 5 to 288: throttled deliveries count too, so with less a short throttle dead-letters healthy messages; with more a message that keeps failing, every 15 minutes, would outlast the shortest retention of the queue (3 days) and be deleted unseen."
  }
  validation {
    condition     = var.max_receive_count * local.visibility_timeout_seconds <= var.queue_retention_seconds
    error_message = "max_receive_count x the visibility timeout must not exceed queue_retention_seconds: a message that kills the consumer each time would be deleted unseen before its last delivery."
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

# ---------------------------------------------------------------- discovery and alarms

variable "consumer" {
  description = "What handles the events: function and mapping if there are any, the subscriber's table, and the consumer's alarms."
  type = object({
    function_name = optional(string, "")
    mapping_id    = optional(string, "")
    table         = optional(string, "")
    # The table of parked groups, with park_by_customer.
    parked_groups_table = optional(string)
    # The consumer's alarms that show in PREFIX-NAME-page: each by itself, and the two on lag together.
    page_alarms = optional(list(string), [])
    lag_alarms  = optional(list(string), [])
    # For the dashboard.
    alarm_names                       = optional(list(string), [])
    service_name                      = optional(string)
    log_group_name                    = optional(string)
    end_to_end_lag_alarm_milliseconds = optional(number)
  })
  default = {}
}

variable "since" {
  description = "Start of the subscription (RFC 3339), shown to operators; empty if unknown."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$", var.since))
    error_message = "Must be an RFC 3339 instant such as 2026-01-31T12:00:00Z; the operator's tools could not read it."
  }
}

variable "queue_age_alarm_seconds" {
  description = "Seconds that the oldest message may wait before an alarm."
  type        = number
  default     = 900

  validation {
    condition     = var.queue_age_alarm_seconds >= 60 && var.queue_age_alarm_seconds < var.queue_retention_seconds
    error_message = "Must be at least 60 and less than queue_retention_seconds; a later alarm comes after messages were deleted."
  }
}

variable "dlq_age_alarm_seconds" {
  description = "Seconds that a message may stay in the DLQ before an alarm (default 3 days)."
  type        = number
  default     = 259200

  validation {
    condition     = var.dlq_age_alarm_seconds >= 60 && var.dlq_age_alarm_seconds <= var.dlq_retention_seconds - var.queue_retention_seconds - 86400
    error_message = "Must be at least a day less than dlq_retention_seconds - queue_retention_seconds: a dead message keeps its age from the queue, and the alarm would come too late to save it."
  }
}

variable "alarm_on_silence" {
  description = "Whether an alarm fires when events are published and none arrives; needs the bus's metrics, which only its own account has."
  type        = bool
  default     = true
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

