locals {
  stream_arn = var.create_accounts_table ? one(aws_dynamodb_table.accounts[*].stream_arn) : var.accounts_table.stream_arn

  bus_transport = { sns = "sns", sns_fifo = "sns-fifo", eventbridge = "eventbridge", pipes = "eventbridge" }[var.transport]

  own_functions = concat(["publisher"], var.sentinel == null ? [] : ["sentinel"])
  architecture  = try(var.function_settings.architecture, "arm64")
  built = var.package_folder == null ? {} : {
    for name in concat(local.own_functions, keys(var.subscribers)) : name => {
      path = "${var.package_folder}/${contains(local.own_functions, name) ? name : "${replace(name, "-", "_")}_consumer"}-${local.architecture}.zip"
    }
  }
  packages = merge(local.built, var.packages)
}

module "event_bus" {
  source = "../event_bus"

  prefix                 = var.prefix
  transport              = local.bus_transport
  publish_versions       = var.publish_versions
  archive_retention_days = var.archive_retention_days
  kms_key                = var.kms_key
  tracing                = try(var.function_settings.tracing, true)
  subscriber_account_ids = var.subscriber_account_ids
  alarm_topic_arns       = coalesce(var.ticket_topic_arns, var.alarm_topic_arns)
  runbook_base_url       = var.runbook_base_url
  tags                   = var.tags
}

module "publisher" {
  source = "../stream_publisher"

  mode                       = var.transport == "pipes" ? "pipe" : "function"
  prefix                     = var.prefix
  bus                        = module.event_bus.bus
  kms_key_arn                = module.event_bus.kms_key_arn
  stream_arn                 = local.stream_arn
  accounts_table_name        = var.create_accounts_table ? one(aws_dynamodb_table.accounts[*].name) : var.accounts_table.name
  accounts_table_kms_key_arn = var.accounts_table.kms_key_arn
  customer_id_attribute      = var.accounts_table.customer_id_attribute
  status_attribute           = var.accounts_table.status_attribute
  reason_attribute           = var.accounts_table.reason_attribute
  changed_at_attribute       = var.accounts_table.changed_at_attribute
  traceparent_attribute      = var.accounts_table.traceparent_attribute
  entity_filter              = var.accounts_table.entity_filter
  table_status_map           = var.accounts_table.status_map
  sequence_attribute         = var.accounts_table.sequence_attribute
  sequence_epoch             = var.accounts_table.sequence_epoch
  event_source               = var.event_source
  package                    = local.packages["publisher"]
  function_settings          = var.function_settings
  mapping_enabled            = var.stream_mapping_enabled
  live_version               = var.publisher_live_version
  alarm_topic_arns           = var.alarm_topic_arns
  ticket_topic_arns          = var.ticket_topic_arns
  runbook_base_url           = var.runbook_base_url
  tags                       = var.tags
}

module "subscriber" {
  source   = "./subscriber"
  for_each = var.subscribers

  prefix                    = var.prefix
  name                      = each.key
  settings                  = each.value
  bus                       = module.event_bus.bus
  kms_key                   = module.event_bus.kms_key
  package                   = local.packages[each.key]
  function_settings         = var.function_settings
  table_deletion_protection = var.table_deletion_protection
  alarm_topic_arns          = var.alarm_topic_arns
  ticket_topic_arns         = var.ticket_topic_arns
  runbook_base_url          = var.runbook_base_url
  tags                      = var.tags
}

module "sentinel" {
  source = "../sentinel"
  count  = var.sentinel == null ? 0 : 1

  prefix      = var.prefix
  bus         = module.event_bus.bus
  kms_key_arn = module.event_bus.kms_key_arn
  accounts_table = {
    arn         = split("/stream/", local.stream_arn)[0]
    kms_key_arn = var.accounts_table.kms_key_arn
  }
  failure_bucket    = module.publisher.failure_bucket
  pipe_name         = var.transport == "pipes" ? module.publisher.mapping_id : null
  compare_hours     = var.sentinel.compare_hours
  read_units        = var.sentinel.read_units
  package           = local.packages["sentinel"]
  function_settings = var.function_settings
  alarm_topic_arns  = coalesce(var.ticket_topic_arns, var.alarm_topic_arns)
  runbook_base_url  = var.runbook_base_url
  tags              = var.tags
}

module "dashboard" {
  source = "../dashboard"

  prefix                          = var.prefix
  alarm_names                     = concat(module.event_bus.alarm_names, module.publisher.alarm_names, flatten(module.sentinel[*].alarm_names))
  iterator_age_alarm_milliseconds = module.publisher.iterator_age_alarm_milliseconds
  log_group_names                 = concat([module.publisher.log_group_name], module.sentinel[*].log_group_name)
  subscribers                     = { for name, it in module.subscriber : name => it.dashboard }
}

resource "aws_dynamodb_table" "accounts" {
  count = var.create_accounts_table ? 1 : 0

  name                        = "${var.prefix}-accounts"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = coalesce(var.accounts_table.customer_id_attribute, "customer_id")
  deletion_protection_enabled = var.table_deletion_protection
  # Both images: only a comparison shows whether the status changed.
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"
  tags             = var.tags

  attribute {
    name = coalesce(var.accounts_table.customer_id_attribute, "customer_id")
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
