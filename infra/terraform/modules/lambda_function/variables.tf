variable "name" {
  description = "Name of the function; also of its role, with the region (cut, with a hash, beyond 64 characters), and of its log group, under /aws/lambda/."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "Must be 1 to 64 of A-Z, a-z, 0-9, _ and -, or Lambda refuses the function halfway through the apply."
  }
}

variable "description" {
  description = "What the function does."
  type        = string
}

variable "handler" {
  description = "Module and function that Lambda calls."
  type        = string
}

variable "package_path" {
  description = "Path of the zip file with the code, as `make package` builds it into dist/."
  type        = string

  validation {
    condition     = fileexists(var.package_path)
    error_message = "There is no such file: build the packages first (make package PACKAGE=\"--arch arm64\")."
  }
}

variable "runtime" {
  description = "Lambda's Python; the package holds compiled code for exactly this one."
  type        = string
  default     = "python3.13"

  validation {
    condition     = contains(["python3.12", "python3.13", "python3.14"], var.runtime)
    error_message = "Must be python3.12, python3.13 or python3.14, the one that the package was built for; another one finds no compiled dependency and fails at every start."
  }
}

variable "architecture" {
  description = "Processor of the function: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Must be arm64 or x86_64, as the package was built; a package of the other kind fails at every start."
  }
}

variable "timeout_seconds" {
  description = "Seconds that an invocation may take (1 to 900)."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "Must be 1 to 900 seconds, the range of Lambda."
  }
}

variable "memory_megabytes" {
  description = "Memory in megabytes (128 to 10240); processor time grows with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_megabytes >= 128 && var.memory_megabytes <= 10240
    error_message = "Must be 128 to 10240 megabytes, the range of Lambda."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent invocations that are reserved for the function, and its limit; -1 reserves none."
  type        = number
  default     = -1

  validation {
    condition     = var.reserved_concurrency != 0
    error_message = "0 stops the function: nothing would be read any more, and a stream forgets its records after 24 hours."
  }
}

variable "environment" {
  description = "Environment variables of the function; one that is empty counts as not set."
  type        = map(string)
  default     = {}
}

variable "statements" {
  description = "IAM statements that the function needs, besides its own logs and traces."
  type        = any
}

variable "policy_name" {
  description = "Name of the role's inline policy."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "ARN of a permissions boundary for the role; null sets none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "ARN of the key for logs and environment; null leaves both to keys that AWS owns."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365, 731, 1827], var.log_retention_days)
    error_message = "Must be 7, 14, 30, 60, 90, 180, 365, 731 or 1827 days: CloudWatch Logs takes steps only, and less than a week is gone before anybody asks."
  }
}

variable "snap_start" {
  description = "Whether new versions start from a snapshot: shorter cold starts, at a price per snapshot and restore."
  type        = bool
  default     = false
}

variable "live_version" {
  description = "Version that the alias `live` is pinned to, such as \"7\", for a rollback; null follows the newest version."
  type        = string
  default     = null

  validation {
    condition     = var.live_version == null || can(regex("^[1-9][0-9]*$", var.live_version))
    error_message = "Must be the number of a published version: $LATEST would change under the running system, and SnapStart does not cover it."
  }
}

variable "tags" {
  description = "Tags of everything that is created."
  type        = map(string)
  default     = {}
}
