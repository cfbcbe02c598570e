module "fanout" {
  source = "../../modules/fanout"

  prefix           = var.prefix
  transport        = "sns"
  accounts_table   = { stream_arn = var.accounts_stream_arn }
  subscribers      = { payments = {} }
  package_folder   = "${path.module}/../../../../dist"
  alarm_topic_arns = var.alarm_topic_arns

}
