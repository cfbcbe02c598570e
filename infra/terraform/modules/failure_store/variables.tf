variable "bucket_name" {
  description = "Name of the bucket, unique in all of S3."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "Must be 3 to 63 of a-z, 0-9, . and -: S3 refuses anything else, and the apply would fail halfway."
  }
}

variable "kms_key_arn" {
  description = "ARN of the key that encrypts the bucket."
  type        = string
}

variable "superseded_retention_days" {
  description = "Days that overwritten or deleted objects can be restored (14 to 3650); current ones never expire."
  type        = number
  default     = 90

  validation {
    condition     = var.superseded_retention_days >= 14 && var.superseded_retention_days <= 3650
    error_message = "Must be 14 to 3650 days; with less, a wrong deletion could not be undone when it is noticed."
  }
}

variable "notices_queue_name" {
  description = "Name of the queue that is told of the batches that Lambda gives up, under aws/lambda/; null makes none."
  type        = string
  default     = null
}

variable "force_destroy" {
  description = "Whether a destroy deletes the bucket with the failures in it, which no subscriber has seen."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}
