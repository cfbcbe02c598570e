# One subscriber of the composition: queue and DLQ, consumer, table. The module is its own because
# subscriber and consumer refer to each other, which two modules with for_each cannot.

module "subscriber" {
  source = "../../subscriber"

  prefix            = var.prefix
  name              = var.name
  bus               = var.bus
  kms_key           = var.kms_key
  consumer          = module.consumer.consumer
  schema_versions   = var.settings.schema_versions
  statuses          = var.settings.statuses
  transitions       = var.settings.transitions
  since             = var.settings.since
  alarm_topic_arns  = var.alarm_topic_arns
  ticket_topic_arns = var.ticket_topic_arns
  runbook_base_url  = var.runbook_base_url
  tags              = var.tags
}

module "consumer" {
  source = "../../queue_consumer"

  prefix            = var.prefix
  subscriber        = module.subscriber.subscriber
  table             = { name = aws_dynamodb_table.this.name, arn = aws_dynamodb_table.this.arn }
  package           = var.package
  function_settings = var.function_settings
  park_by_customer  = var.settings.park_by_customer
  write_in_batches  = var.settings.write_in_batches
  live_version      = var.settings.live_version
  alarm_topic_arns  = coalesce(var.ticket_topic_arns, var.alarm_topic_arns)
  runbook_base_url  = var.runbook_base_url
  tags              = var.tags

  parked_groups_deletion_protection = var.table_deletion_protection
}

resource "aws_dynamodb_table" "this" {
  name                        = "${var.prefix}-${var.name}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "customer_id"
  deletion_protection_enabled = var.table_deletion_protection
  tags                        = var.tags

  attribute {
    name = "customer_id"
    type = "S"
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key.arn
  }

  point_in_time_recovery {
    enabled = true
  }
}
