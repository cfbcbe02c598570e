mock_provider "aws" {
  source = "../../mocks"
}

variables {
  bus = {
    transport        = "eventbridge"
    arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
    publish_versions = [2]
  }
  stream_arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts/stream/2026-11-23T00:00:00.000"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  # Any file will do for a package here.
  package_path = "./versions.tf"
}

run "an_sns_target_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "sns"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = [2]
    }
  }

  expect_failures = [var.bus]
}

run "a_batch_whose_events_do_not_fit_a_call_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [1, 2]
    }
    batch_size = 6
  }

  expect_failures = [var.batch_size]
}

run "a_batch_of_none_is_refused" {
  command = plan

  variables {
    batch_size = 0
  }

  expect_failures = [var.batch_size]
}

run "an_enrichment_that_outlives_the_pipe_is_refused" {
  command = plan

  variables {
    timeout_seconds = 241
  }

  expect_failures = [var.timeout_seconds]
}

run "a_table_instead_of_its_stream_is_refused" {
  command = plan

  variables {
    stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts"
  }

  expect_failures = [var.stream_arn]
}

run "a_batch_window_beyond_the_limit_is_refused" {
  command = plan

  variables {
    batch_window_seconds = 301
  }

  expect_failures = [var.batch_window_seconds]
}

run "a_parallelization_beyond_the_limit_is_refused" {
  command = plan

  variables {
    parallelization_factor = 11
  }

  expect_failures = [var.parallelization_factor]
}

run "an_alarm_that_comes_after_records_were_given_up_is_refused" {
  command = plan

  variables {
    stream_lag_alarm_milliseconds = 43200001
  }

  expect_failures = [var.stream_lag_alarm_milliseconds]
}
