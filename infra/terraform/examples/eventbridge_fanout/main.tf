module "fanout" {
  source = "../../modules/fanout"

  prefix           = var.prefix
  transport        = "eventbridge"
  accounts_table   = { stream_arn = var.accounts_stream_arn }
  subscribers      = { payments = {} }
  package_folder   = "${path.module}/../../../../dist"
  alarm_topic_arns = var.alarm_topic_arns

  # For a replay to one rule, or to all.
  archive_retention_days = 14
}
