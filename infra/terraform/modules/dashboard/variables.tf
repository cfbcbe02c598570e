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
  description = "Name of the dashboard; null takes PREFIX-customer-status-REGION."
  type        = string
  default     = null
}

variable "alarm_names" {
  description = "Names of the alarms of bus, publisher and sentinel; none shows the subscribers' pages alone."
  type        = list(string)
  default     = []
}

variable "iterator_age_alarm_milliseconds" {
  description = "Milliseconds from which on the publisher is late, drawn as a line; null draws none."
  type        = number
  default     = null
}

variable "log_group_names" {
  description = "Names of the log groups, besides the subscribers', that the saved queries read."
  type        = list(string)
  default     = []
}

variable "subscribers" {
  description = <<-EOT
    By the subscriber's name: its queue and DLQ, the `service` dimension of its metrics (null:
    NAME_consumer), its log group, its alarms, and from when on a message or a row is late; as the module
    `subscriber` gives it in `dashboard`.
  EOT
  type = map(object({
    queue_name                        = string
    dlq_name                          = string
    service_name                      = optional(string)
    log_group_name                    = optional(string)
    alarm_names                       = optional(list(string), [])
    queue_age_alarm_seconds           = optional(number)
    end_to_end_lag_alarm_milliseconds = optional(number)
  }))
  default = {}

  validation {
    condition     = length(var.subscribers) <= 48
    error_message = "At most 48 subscribers: CloudWatch runs a query over 50 log groups and refuses more; make a second dashboard."
  }
}
