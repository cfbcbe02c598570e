# Lets Terraform apply each of the fan-out examples without AWS, in the account, region and names in
# which sam_template.py resolves the SAM template, so that what both deploy can be compared value by
# value. `@fifo` becomes `.fifo` in the example that has FIFO queues. An example ignores what it has
# no resource for.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-west-1", name = "eu-west-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/Key", key_id = "Key" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:fanout-customer-status@fifo" }
  }
  mock_resource "aws_cloudwatch_event_bus" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:event-bus/fanout-customer-status" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/fanout-customer-status/fanout-payments" }
  }
  mock_resource "aws_pipes_pipe" {
    defaults = { arn = "arn:aws:pipes:eu-west-1:123456789012:pipe/fanout-publisher" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::fanout-failures-123456789012-eu-west-1"
      id  = "fanout-failures-123456789012-eu-west-1"
    }
  }
}

override_resource {
  target = module.fanout.aws_dynamodb_table.accounts
  values = {
    arn        = "arn:aws:dynamodb:eu-west-1:123456789012:table/fanout-accounts"
    stream_arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/fanout-accounts/stream/2026-01-01T00:00:00.000"
  }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].aws_dynamodb_table.this
  values = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/fanout-payments" }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.subscriber.aws_sqs_queue.this
  values = {
    arn = "arn:aws:sqs:eu-west-1:123456789012:fanout-payments@fifo"
    id  = "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-payments@fifo"
  }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.subscriber.aws_sqs_queue.dlq
  values = {
    arn = "arn:aws:sqs:eu-west-1:123456789012:fanout-payments-dlq@fifo"
    id  = "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-payments-dlq@fifo"
  }
}

override_resource {
  target = module.fanout.module.publisher.module.failure_store.aws_sqs_queue.notices
  values = {
    arn = "arn:aws:sqs:eu-west-1:123456789012:fanout-failure-notices"
    id  = "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-failure-notices"
  }
}

override_resource {
  target = module.fanout.module.publisher.aws_sqs_queue.dlq
  values = {
    arn = "arn:aws:sqs:eu-west-1:123456789012:fanout-publisher-dlq"
    id  = "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-publisher-dlq"
  }
}

override_resource {
  target = module.fanout.module.event_bus.aws_sqs_queue.undecipherable
  values = {
    arn = "arn:aws:sqs:eu-west-1:123456789012:fanout-customer-status-bus-dlq"
    id  = "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-customer-status-bus-dlq"
  }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.consumer.aws_dynamodb_table.parked_groups
  values = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/fanout-payments-parked-groups" }
}

override_resource {
  target = module.fanout.module.publisher.aws_iam_role.pipe
  values = { arn = "arn:aws:iam::123456789012:role/fanout-publisher-pipe-eu-west-1", id = "fanout-publisher-pipe-eu-west-1" }
}

override_resource {
  target = module.fanout.module.publisher.module.function.aws_iam_role.this
  values = { arn = "arn:aws:iam::123456789012:role/fanout-publisher-eu-west-1", id = "fanout-publisher-eu-west-1" }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.consumer.module.function.aws_iam_role.this
  values = { arn = "arn:aws:iam::123456789012:role/fanout-payments-consumer-eu-west-1", id = "fanout-payments-consumer-eu-west-1" }
}

override_resource {
  target = module.fanout.module.publisher.module.function.aws_cloudwatch_log_group.this
  values = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/fanout-publisher" }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.consumer.module.function.aws_cloudwatch_log_group.this
  values = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/fanout-payments-consumer" }
}

override_resource {
  target = module.fanout.module.publisher.module.function.aws_lambda_alias.live
  values = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:fanout-publisher:live" }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.consumer.module.function.aws_lambda_alias.live
  values = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:fanout-payments-consumer:live" }
}

override_resource {
  target = module.fanout.module.sentinel[0].module.function.aws_iam_role.this
  values = { arn = "arn:aws:iam::123456789012:role/fanout-sentinel-eu-west-1", id = "fanout-sentinel-eu-west-1" }
}

override_resource {
  target = module.fanout.module.sentinel[0].module.function.aws_cloudwatch_log_group.this
  values = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/fanout-sentinel" }
}

override_resource {
  target = module.fanout.module.sentinel[0].module.function.aws_lambda_alias.live
  values = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:fanout-sentinel:live" }
}

override_resource {
  target = module.fanout.module.sentinel[0].aws_cloudwatch_event_rule.schedule
  values = { arn = "arn:aws:events:eu-west-1:123456789012:rule/fanout-sentinel" }
}

override_resource {
  target = module.fanout.module.publisher.aws_lambda_event_source_mapping.stream
  values = { uuid = "PublisherMapping" }
}

override_resource {
  target = module.fanout.module.subscriber["payments"].module.consumer.aws_lambda_event_source_mapping.queue
  values = { uuid = "ConsumerMapping" }
}

run "everything" {
  command = apply
}
