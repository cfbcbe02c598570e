# What the modules' tests get instead of AWS: an account, a region, and ARNs of the right shape, since
# the provider checks the shape even where nothing is real.

mock_data "aws_caller_identity" {
  defaults = { account_id = "111122223333" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
}

mock_data "aws_region" {
  defaults = { id = "eu-west-1", name = "eu-west-1" }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000001"
    key_id = "00000000-0000-0000-0000-000000000001"
  }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status" }
}

mock_resource "aws_cloudwatch_event_bus" {
  defaults = { arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status" }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/fanout-customer-status/fanout-payments" }
}

mock_resource "aws_dynamodb_table" {
  defaults = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/fanout-payments-parked-groups" }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments"
    id  = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments"
    url = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::fanout-failures-111122223333-eu-west-1"
    id  = "fanout-failures-111122223333-eu-west-1"
  }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::111122223333:role/fanout-role" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/fanout-publisher" }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn     = "arn:aws:lambda:eu-west-1:111122223333:function:fanout-publisher"
    version = "3"
  }
}

mock_resource "aws_lambda_alias" {
  defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:fanout-publisher:live" }
}

mock_resource "aws_pipes_pipe" {
  defaults = { arn = "arn:aws:pipes:eu-west-1:111122223333:pipe/fanout-publisher" }
}

mock_resource "aws_ssm_parameter" {
  defaults = { arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/fanout/bus" }
}

mock_resource "aws_ram_resource_share" {
  defaults = { arn = "arn:aws:ram:eu-west-1:111122223333:resource-share/00000000-0000-0000-0000-000000000002" }
}
