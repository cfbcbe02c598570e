locals {
  packages = coalesce(var.package_folder, "${path.module}/../../../../dist")
  # Without a stream to read from, a table to try the system with.
  tries_it   = var.accounts_stream_arn == null
  stream_arn = local.tries_it ? one(aws_dynamodb_table.accounts[*].stream_arn) : var.accounts_stream_arn
}

module "event_bus" {
  source = "../../modules/event_bus"

  prefix    = var.prefix
  transport = "eventbridge"
  # Kept for replay, to one rule or to all.
  archive_retention_days = var.archive_retention_days
  alarm_topic_arns       = var.alarm_topic_arns
  tags                   = var.tags
}

module "publisher" {
  source = "../../modules/stream_publisher"

  prefix                     = var.prefix
  bus                        = module.event_bus.bus
  kms_key_arn                = module.event_bus.kms_key_arn
  stream_arn                 = local.stream_arn
  accounts_table_name        = one(aws_dynamodb_table.accounts[*].name)
  accounts_table_kms_key_arn = var.accounts_table_kms_key_arn
  package_path               = "${local.packages}/publisher-${var.architecture}.zip"
  architecture               = var.architecture
  mapping_enabled            = var.stream_mapping_enabled
  alarm_topic_arns           = var.alarm_topic_arns
  tags                       = var.tags
}

module "payments" {
  source = "../../modules/subscriber"

  prefix           = var.prefix
  name             = "payments"
  bus              = module.event_bus.bus
  kms_key          = module.event_bus.kms_key
  consumer         = module.payments_consumer.consumer
  alarm_topic_arns = var.alarm_topic_arns
  tags             = var.tags
}

module "payments_consumer" {
  source = "../../modules/queue_consumer"

  prefix           = var.prefix
  subscriber       = module.payments.subscriber
  table            = { name = aws_dynamodb_table.payments.name, arn = aws_dynamodb_table.payments.arn }
  package_path     = "${local.packages}/payments_consumer-${var.architecture}.zip"
  architecture     = var.architecture
  alarm_topic_arns = var.alarm_topic_arns
  tags             = var.tags
}

module "dashboard" {
  source = "../../modules/dashboard"

  prefix = var.prefix
  subscribers = {
    payments = { queue_name = module.payments.queue_name, dlq_name = module.payments.dlq_name }
  }
}

# ---------------------------------------------------------------- tables

resource "aws_dynamodb_table" "payments" {
  name                        = "${var.prefix}-payments"
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
    kms_key_arn = module.event_bus.kms_key_arn
  }

  point_in_time_recovery {
    enabled = true
  }
}

resource "aws_dynamodb_table" "accounts" {
  count = local.tries_it ? 1 : 0

  name                        = "${var.prefix}-accounts"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "customer_id"
  deletion_protection_enabled = var.table_deletion_protection
  # Both images: only they tell a change of status from any other write.
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"
  tags             = var.tags

  attribute {
    name = "customer_id"
    type = "S"
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = module.event_bus.kms_key_arn
  }

  point_in_time_recovery {
    enabled = true
  }
}
