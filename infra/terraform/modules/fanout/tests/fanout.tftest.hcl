# What each transport deploys is compared value by value by the project's own tests, through the examples.

mock_provider "aws" {
  source = "../../mocks"
}

override_resource {
  target = aws_dynamodb_table.accounts
  values = { stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/fanout-accounts/stream/2026-11-23T00:00:00.000" }
}

variables {
  package_folder        = "../../mocks/packages"
  create_accounts_table = true
  subscribers           = { fraud-team = { statuses = ["CLOSED"] }, payments = {} }
}

run "each_subscriber_has_its_queue_its_table_and_its_filter" {
  command = plan

  assert {
    condition     = keys(output.subscribers) == ["fraud-team", "payments"] && output.subscribers.fraud-team.table == "fanout-fraud-team"
    error_message = "By its name."
  }
  assert {
    condition     = keys(output.live_versions) == ["fraud-team", "payments", "publisher"]
    error_message = "Each function can be rolled back."
  }
}

run "an_existing_table_is_read_as_it_says_and_none_is_created" {
  command = plan

  variables {
    create_accounts_table = false
    accounts_table = {
      stream_arn       = "arn:aws:dynamodb:eu-west-1:111122223333:table/customers/stream/2026-11-23T00:00:00.000"
      status_attribute = "state"
    }
  }

  assert {
    condition     = output.accounts_table == "customers" && length(aws_dynamodb_table.accounts) == 0
    error_message = "Its name is in the stream's ARN."
  }
}

run "the_statements_for_a_given_key_do_not_wait_for_the_key" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009" }
  }

  assert {
    condition     = contains([for s in output.key_policy_statements : s.Sid], "TopicDeliversToEncryptedQueues")
    error_message = "The topic is admitted by its name."
  }
}

run "an_unknown_transport_a_name_that_is_taken_and_a_table_without_its_stream_are_refused" {
  command = plan

  variables {
    transport      = "kafka"
    subscribers    = { publisher = {} }
    accounts_table = { name = "accounts" }
  }

  expect_failures = [var.transport, var.subscribers, var.accounts_table]
}

run "a_forgotten_stream_creates_no_table_instead_and_a_package_of_no_function_is_refused" {
  command = plan

  variables {
    create_accounts_table = false
    packages              = { paymets = { s3_bucket = "artifacts", s3_key = "payments.zip" } }
  }

  expect_failures = [var.accounts_table, var.packages]
}

run "a_stream_beside_a_table_to_try_the_system_and_a_function_without_a_package_are_refused" {
  command = plan

  variables {
    accounts_table = { stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/customers/stream/2026-11-23T00:00:00.000" }
    package_folder = null
    packages       = { publisher = { s3_bucket = "artifacts", s3_key = "publisher-1.0.0.zip" } }
  }

  expect_failures = [var.accounts_table, var.packages]
}
