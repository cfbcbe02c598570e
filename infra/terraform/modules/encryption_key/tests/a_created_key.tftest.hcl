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

run "it_admits_sns_for_this_topic_of_this_account_only" {
  command = plan

  assert {
    condition     = one([for s in jsondecode(output.policy).Statement : s if s.Sid == "TopicDeliversToEncryptedQueues"]).Condition.ArnEquals["aws:SourceArn"] == ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    error_message = "Only this topic."
  }
  assert {
    condition     = one([for s in jsondecode(output.policy).Statement : s if s.Sid == "TopicDeliversToEncryptedQueues"]).Condition.StringEquals["aws:SourceAccount"] == ["111122223333"]
    error_message = "Only this account."
  }
}

run "it_admits_eventbridge_by_queue_and_by_bus_and_not_by_a_source_that_is_never_sent" {
  command = plan

  assert {
    condition     = keys(one([for s in jsondecode(output.policy).Statement : s if s.Sid == "RulesDeliverToEncryptedQueues"]).Condition) == ["ArnLike"]
    error_message = "By the queue alone."
  }
  assert {
    condition     = one([for s in jsondecode(output.policy).Statement : s if s.Sid == "BusEncryptsItsEvents"]).Condition.ArnEquals["kms:EncryptionContext:aws:events:event-bus:arn"] == ["arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"]
    error_message = "By the bus."
  }
}

run "what_it_creates_it_would_also_accept" {
  command = plan

  variables {
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = run.it_rotates_and_can_be_brought_back_for_30_days.policy
    }
  }

  assert {
    condition     = output.arn == var.kms_key.arn
    error_message = "A policy of ours passes our own check."
  }
}

run "other_accounts_are_named_one_by_one" {
  command = plan

  variables {
    user_account_ids = ["444455556666"]
  }

  assert {
    condition     = one([for s in jsondecode(output.policy).Statement : s if s.Sid == "OtherAccountsEncryptAndDecrypt"]).Principal.AWS == ["arn:aws:iam::444455556666:root"]
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
