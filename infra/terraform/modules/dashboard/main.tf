data "aws_region" "current" {}

locals {
  region    = data.aws_region.current.id
  namespace = "CustomerStatusFanout"
  names     = sort(keys(var.subscribers))

  publisher_widgets = [
    {
      title   = "Changes and events (a minute)"
      stat    = "Sum"
      metrics = [for name in ["StreamRecords", "CustomerRecords", "StatusTransitions", "EventsPublished"] : [local.namespace, name, "deployment", var.prefix, "service", "publisher"]]
    },
    {
      title   = "Publisher: failures (a minute)"
      stat    = "Sum"
      metrics = [for name in ["RecordsFailed", "RecordsHeld", "RecordsParked", "BusFaults"] : [local.namespace, name, "deployment", var.prefix, "service", "publisher"]]
    },
    {
      title   = "Publisher behind the table (milliseconds)"
      stat    = "Maximum"
      metrics = [[local.namespace, "StreamLagMilliseconds", "deployment", var.prefix, "service", "publisher"]]
    },
  ]
  subscriber_widgets = flatten([
    for name in local.names : [
      {
        title = "${name}: messages in queue and DLQ"
        stat  = "Maximum"
        metrics = [
          for queue in [var.subscribers[name].queue_name, var.subscribers[name].dlq_name] :
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]
        ]
      },
      {
        title = "${name}: what became of events (a minute)"
        stat  = "Sum"
        metrics = [
          for metric in ["EventsApplied", "EventsDuplicate", "EventsStale", "MessagesParked", "MessagesRetried", "DependencyFaults", "UnexpectedExceptions", "DeprecatedVersionEvents"] :
          [local.namespace, metric, "deployment", var.prefix, "service", coalesce(var.subscribers[name].service_name, "${replace(name, "-", "_")}_consumer")]
        ]
      },
      {
        title   = "${name}: table write to row (milliseconds, p99)"
        stat    = "p99"
        metrics = [[local.namespace, "EndToEndLagMilliseconds", "deployment", var.prefix, "service", coalesce(var.subscribers[name].service_name, "${replace(name, "-", "_")}_consumer")]]
      },
    ]
  ])

  body = jsonencode({
    widgets = [
      for index, widget in concat(local.publisher_widgets, local.subscriber_widgets) : {
        type   = "metric"
        x      = (index % 3) * 8
        y      = floor(index / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          view    = "timeSeries"
          period  = 60
          stat    = widget.stat
          metrics = widget.metrics
        }
      }
    ]
  })
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = coalesce(var.name, "${var.prefix}-customer-status")
  dashboard_body = local.body
}
