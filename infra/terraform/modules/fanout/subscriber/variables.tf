# All of these come from the module `fanout`, which says what they are.

variable "prefix" { type = string }
variable "name" { type = string }
variable "settings" { type = any }
variable "bus" { type = any }
variable "kms_key" { type = object({ arn = string }) }
variable "package" { type = any }
variable "function_settings" { type = any }
variable "table_deletion_protection" { type = bool }
variable "alarm_topic_arns" { type = list(string) }
variable "ticket_topic_arns" { type = list(string) }
variable "runbook_base_url" { type = string }
variable "tags" { type = map(string) }
