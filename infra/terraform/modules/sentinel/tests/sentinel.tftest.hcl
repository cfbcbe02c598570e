mock_provider "aws" {
  source = "../../mocks"
}

variables {
  prefix         = "fanout"
  bus            = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status" }
  kms_key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000001"
  accounts_table = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts" }
  failure_bucket = "fanout-failures"
  package        = { path = "../../mocks/packages/sentinel-arm64.zip" }
}

run "a_prefix_a_round_and_a_rate_that_cannot_work_are_refused" {
  command = plan

  variables {
    prefix        = "Fanout"
    compare_hours = 25
    read_units    = 0
  }

  expect_failures = [var.prefix, var.compare_hours, var.read_units]
}
