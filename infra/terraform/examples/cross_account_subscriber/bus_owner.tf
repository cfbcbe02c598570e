# Naming the subscriber's account is all: it may then subscribe queues of its own (SNS) or keep rules of
# its own (EventBridge), and /PREFIX/bus is shared with it.
module "event_bus" {
  source    = "../../modules/event_bus"
  providers = { aws = aws.bus_owner }

  prefix                     = var.prefix
  transport                  = var.transport
  subscriber_account_ids     = [var.subscriber_account_id]
  share_outside_organization = var.share_outside_organization
  tags                       = var.tags
}
