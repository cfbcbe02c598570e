# For a copy of this example from before the module `fanout`: everything moves, nothing is destroyed.

moved {
  from = module.event_bus
  to   = module.fanout.module.event_bus
}

moved {
  from = module.publisher
  to   = module.fanout.module.publisher
}

moved {
  from = module.payments
  to   = module.fanout.module.subscriber["payments"].module.subscriber
}

moved {
  from = module.payments_consumer
  to   = module.fanout.module.subscriber["payments"].module.consumer
}

moved {
  from = module.dashboard
  to   = module.fanout.module.dashboard
}

moved {
  from = aws_dynamodb_table.payments
  to   = module.fanout.module.subscriber["payments"].aws_dynamodb_table.this
}

moved {
  from = aws_dynamodb_table.accounts
  to   = module.fanout.aws_dynamodb_table.accounts
}
