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

variable "package" {
  description = <<-EOT
    The zip with the code: `path` of a file, as `make package` and `make release` write it into dist/,
    or `s3_bucket` and `s3_key` of an uploaded one. Name its `s3_object_version` too, unless each
    release has a key of its own.
  EOT
  type = object({
    path              = optional(string)
    s3_bucket         = optional(string)
    s3_key            = optional(string)
    s3_object_version = optional(string)
  })

  validation {
    condition     = (var.package.path != null) != (var.package.s3_bucket != null && var.package.s3_key != null)
    error_message = "Must have path, or s3_bucket and s3_key: from neither there is no code, and of both one would be ignored."
  }
  validation {
    condition     = var.package.path == null || try(fileexists(var.package.path), false)
    error_message = "There is no file at package.path: build the packages first (make package PACKAGE=\"--arch arm64\"), or take those of a release."
  }
}

variable "settings" {
  description = <<-EOT
    What your platform asks of every function:
    - `runtime` and `architecture`: those that the package was built for
    - `memory_megabytes` (128 to 10240): processor time grows with it
    - `log_level` (no level logs a payload), `log_format` (Text or JSON: Lambda's own lines; the
      function writes JSON anyway), `log_retention_days`
    - `tracing`: whether X-Ray gets traces
    - `snap_start`: new versions start from a snapshot, with shorter cold starts, at a price per
      snapshot and restore; `provisioned_concurrency`: instances that are kept ready instead
    - `vpc`: subnets and security groups; the subnets need a way to every AWS service in use
    - `exec_wrapper`: a layer's script that starts the function, such as OpenTelemetry's /opt/otel-instrument
    - `layer_arns`, `code_signing_config_arn`, `permissions_boundary_arn`, `role_path`: as Lambda and IAM take them.
  EOT
  type = object({
    runtime                  = optional(string, "python3.13")
    architecture             = optional(string, "arm64")
    memory_megabytes         = optional(number, 512)
    log_level                = optional(string, "INFO")
    log_format               = optional(string, "Text")
    log_retention_days       = optional(number, 90)
    tracing                  = optional(bool, true)
    snap_start               = optional(bool, false)
    provisioned_concurrency  = optional(number, 0)
    vpc                      = optional(object({ subnet_ids = list(string), security_group_ids = list(string) }))
    layer_arns               = optional(list(string), [])
    exec_wrapper             = optional(string)
    code_signing_config_arn  = optional(string)
    permissions_boundary_arn = optional(string)
    role_path                = optional(string, "/")
  })
  default = {}

  validation {
    condition     = contains(["python3.12", "python3.13", "python3.14"], var.settings.runtime)
    error_message = "runtime must be python3.12, python3.13 or python3.14, the one that the package was built for; another one finds no compiled dependency and fails at every start."
  }
  validation {
    condition     = contains(["arm64", "x86_64"], var.settings.architecture)
    error_message = "architecture must be arm64 or x86_64, as the package was built; a package of the other kind fails at every start."
  }
  validation {
    condition     = var.settings.memory_megabytes >= 128 && var.settings.memory_megabytes <= 10240
    error_message = "memory_megabytes must be 128 to 10240, the range of Lambda."
  }
  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.settings.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR: the function would refuse to start with anything else."
  }
  validation {
    condition     = contains(["Text", "JSON"], var.settings.log_format)
    error_message = "log_format must be Text or JSON, or Lambda refuses the function halfway through the apply."
  }
  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365, 731, 1827], var.settings.log_retention_days)
    error_message = "log_retention_days must be 7, 14, 30, 60, 90, 180, 365, 731 or 1827: CloudWatch Logs takes steps only, and less than a week is gone before anybody asks."
  }
  validation {
    condition     = !(var.settings.snap_start && var.settings.provisioned_concurrency > 0)
    error_message = "Must have snap_start or provisioned_concurrency, not both: Lambda refuses the second one halfway through the apply."
  }
  validation {
    condition     = var.settings.vpc == null || try(length(var.settings.vpc.subnet_ids) > 0 && length(var.settings.vpc.security_group_ids) > 0, false)
    error_message = "vpc needs at least one subnet and one security group, or Lambda leaves the function outside of the VPC."
  }
  validation {
    condition     = var.settings.exec_wrapper == null || can(regex("^/opt/[A-Za-z0-9/_.-]+$", var.settings.exec_wrapper))
    error_message = "exec_wrapper must be a path below /opt, where layers are, or the function does not start."
  }
  validation {
    condition     = var.settings.exec_wrapper == null || length(var.settings.layer_arns) > 0
    error_message = "exec_wrapper needs layer_arns, since the script is in a layer: without it the function does not start."
  }
  validation {
    condition     = can(regex("^/([!-~]{1,510}/)?$", var.settings.role_path))
    error_message = "role_path must begin and end with /, or IAM refuses the role halfway through the apply."
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

variable "kms_key_arn" {
  description = "ARN of the key for logs and environment; null leaves both to keys that AWS owns."
  type        = string
  default     = null
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
