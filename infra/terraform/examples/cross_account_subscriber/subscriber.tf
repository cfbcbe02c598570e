# Queue, DLQ and key belong to the subscriber's account. Its key admits the bus owner's topic, or, on
# EventBridge, the rules that deliver into these two queues.
module "fraud" {
  source    = "../../modules/subscriber"
  providers = { aws = aws.subscriber }

  prefix = var.prefix
  name   = "fraud"
  # A configuration of its own reads the shared parameter instead, by the ARN that the owner tells:
  #   data "aws_ssm_parameter" "bus" { name = "arn:aws:ssm:REGION:OWNER:parameter/PREFIX/bus" }
  bus      = module.event_bus.bus
  statuses = var.transport == "sns-fifo" ? null : ["SUSPENDED", "CLOSED"]
  # The numbers of published events are the owner's metrics, which this account does not see.
  alarm_on_silence = false
  alarm_topic_arns = var.alarm_topic_arns
  tags             = var.tags
}
