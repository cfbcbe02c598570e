data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  region = data.aws_region.current.id
  alarms = "arn:${data.aws_partition.current.partition}:cloudwatch:${local.region}:${data.aws_caller_identity.current.account_id}:alarm"
  pages = flatten([
    for name, it in var.subscribers : [for alarm in it.alarm_names : alarm if alarm == "${var.prefix}-${name}-page"]
  ])

  # The templates, and the queries, are written by scripts/dashboard.py, for SAM too.
  publisher_widgets = jsondecode(templatefile("${path.module}/publisher.json.tftpl", {
    prefix     = var.prefix
    region     = local.region
    alarms     = jsonencode([for name in concat(var.alarm_names, local.pages) : "${local.alarms}:${name}"])
    stream_lag = jsonencode([for value in var.iterator_age_alarm_milliseconds[*] : { label = "late", value = value }])
  }))
  subscriber_widgets = [
    for index, name in sort(keys(var.subscribers)) : [
      for widget in jsondecode(templatefile("${path.module}/subscriber.json.tftpl", {
        prefix         = var.prefix
        region         = local.region
        name           = name
        service        = coalesce(var.subscribers[name].service_name, "${replace(name, "-", "_")}_consumer")
        queue          = var.subscribers[name].queue_name
        dlq            = var.subscribers[name].dlq_name
        alarms         = jsonencode([for alarm in var.subscribers[name].alarm_names : "${local.alarms}:${alarm}"])
        end_to_end_lag = jsonencode([for value in var.subscribers[name].end_to_end_lag_alarm_milliseconds[*] : { label = "late", value = value }])
        queue_age      = jsonencode([for value in var.subscribers[name].queue_age_alarm_seconds[*] : { label = "late", value = value }])
      })) : merge(widget, { y = widget.y + 10 + 16 * index })
    ]
  ]

  body = jsonencode({
    # CloudWatch refuses a strip of no alarms.
    widgets = [
      for widget in flatten([local.publisher_widgets, local.subscriber_widgets]) : widget
      if try(length(widget.properties.alarms), 1) > 0
    ]
  })
}

resource "aws_cloudwatch_dashboard" "this" {
  # An account has its dashboards in no Region: two with one name would overwrite each other.
  dashboard_name = coalesce(var.name, "${var.prefix}-customer-status-${local.region}")
  dashboard_body = local.body
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = jsondecode(file("${path.module}/queries.json"))

  name            = "${var.prefix}/${each.key}"
  query_string    = each.value
  log_group_names = concat(var.log_group_names, compact([for name, it in var.subscribers : it.log_group_name]))
}
