module "fanout" {
  source = "../../modules/fanout"

  prefix                = var.prefix
  transport             = "eventbridge"
  accounts_table        = var.accounts_table
  create_accounts_table = var.create_accounts_table
  subscribers           = { payments = {} }
  package_folder        = "${path.module}/../../../../dist"
  alarm_topic_arns      = var.alarm_topic_arns

  # For a replay to one rule, or to all.
  archive_retention_days = 14
}
