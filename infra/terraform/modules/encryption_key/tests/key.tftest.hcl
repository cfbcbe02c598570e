mock_provider "aws" {
  source = "../../mocks"
}

variables {
  alias                  = "fanout"
  topic_arns             = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
  queue_arn_patterns     = ["arn:aws:sqs:eu-west-1:111122223333:fanout-*"]
  event_bus_arns         = ["arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"]
  log_group_arn_patterns = ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/fanout-*"]
}

run "it_rotates_and_can_be_brought_back_for_30_days" {
  command = plan

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "The key rotates."
  }
  assert {
    condition     = aws_kms_key.this[0].deletion_window_in_days == 30
    error_message = "There is time to notice."
  }
}

run "a_new_key_has_what_the_output_says_that_it_needs" {
  command = apply

  assert {
    condition     = jsonencode(jsondecode(aws_kms_key.this[0].policy).Statement) == jsonencode(output.policy_statements)
    error_message = "Its policy is these statements."
  }
}

run "a_given_key_is_taken_as_it_is_and_told_what_its_policy_needs" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009" }
  }

  assert {
    condition     = output.key.arn == var.kms_key.arn && length(aws_kms_key.this) == 0
    error_message = "No key is created beside a given one."
  }
  assert {
    condition     = [for s in output.policy_statements : s.Sid] == ["AccountDecidesThroughIam", "TopicDeliversToEncryptedQueues", "RulesDeliverToEncryptedQueues", "BusEncryptsItsEvents", "BusLooksAtItsKey", "LogsOfTheseFunctions"]
    error_message = "One statement for each service that uses the key."
  }
}

run "a_key_that_nothing_delivers_through_needs_no_service" {
  command = plan

  variables {
    topic_arns         = []
    queue_arn_patterns = []
    event_bus_arns     = []
  }

  assert {
    condition     = [for s in output.policy_statements : s.Sid] == ["AccountDecidesThroughIam", "LogsOfTheseFunctions"]
    error_message = "SNS and EventBridge are not admitted."
  }
}

run "an_alias_instead_of_a_key_is_refused" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:alias/mine" }
  }

  expect_failures = [var.kms_key]
}

run "other_accounts_are_named_one_by_one" {
  command = plan

  variables {
    user_account_ids = ["444455556666"]
  }

  assert {
    condition     = one([for s in output.policy_statements : s if s.Sid == "OtherAccountsEncryptAndDecrypt"]).Principal.AWS == ["arn:aws:iam::444455556666:root"]
    error_message = "Only the named account."
  }
}

run "an_account_that_is_no_number_is_refused" {
  command = plan

  variables {
    user_account_ids = ["fraud"]
  }

  expect_failures = [var.user_account_ids]
}

run "a_deletion_window_that_kms_refuses_is_refused" {
  command = plan

  variables {
    deletion_window_days = 3
  }

  expect_failures = [var.deletion_window_days]
}
