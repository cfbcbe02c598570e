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

run "the_alarm_on_missing_runs_is_on_where_nothing_is_written" {
  command = apply

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["stopped"].treat_missing_data == "breaching"
    error_message = "A function that is gone writes no zero."
  }
}

run "on_eventbridge_it_may_look_at_the_rules_of_the_bus_instead_of_a_topic" {
  command = apply

  variables {
    bus = { transport = "eventbridge", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status" }
  }

  assert {
    condition     = endswith(local.looks_at_bus[0].Resource, ":rule/fanout-customer-status/*")
    error_message = "Its own bus alone."
  }
}

run "it_may_look_at_the_pipe_that_publishes" {
  command = apply

  variables {
    pipe_name = "fanout-publisher"
  }

  assert {
    condition     = endswith(local.looks_at_pipe[0].Resource, ":pipe/fanout-publisher")
    error_message = "Its own pipe alone."
  }
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
