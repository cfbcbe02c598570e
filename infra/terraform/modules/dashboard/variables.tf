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
  description = "Name of the dashboard; null takes PREFIX-customer-status."
  type        = string
  default     = null
}

variable "subscribers" {
  description = "By the subscriber's name: its queue and DLQ, and the `service` dimension of its metrics (null: NAME_consumer)."
  type = map(object({
    queue_name   = string
    dlq_name     = string
    service_name = optional(string)
  }))
  default = {}

  validation {
    condition     = length(var.subscribers) <= 80
    error_message = "At most 80 subscribers: CloudWatch takes 500 metrics on a dashboard and refuses more; make a second one."
  }
}
