mock_provider "aws" {
  source = "../../mocks"
}

variables {
  bus         = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [2] }
  stream_arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts/stream/2026-11-23T00:00:00.000"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  # Any file will do for a package here.
  package = { path = "./versions.tf" }
}

run "values_that_aws_refuses_halfway_or_that_reach_nobody_are_refused" {
  command = plan

  variables {
    prefix                          = "Fan_Out"
    alarm_topic_arns                = ["arn:aws:sns:eu-west-1:111122223333:on-call.fifo"]
    ticket_topic_arns               = ["arn:aws:sns:eu-west-1:111122223333:tickets.fifo"]
    runbook_base_url                = "http://wiki/"
    stream_arn                      = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts"
    accounts_table_kms_key_arn      = "arn:aws:kms:eu-west-1:111122223333:alias/accounts"
    batch_size                      = 10001
    batch_window_seconds            = 301
    parallelization_factor          = 11
    iterator_age_alarm_milliseconds = 43200001
  }

  expect_failures = [
    var.prefix,
    var.alarm_topic_arns,
    var.ticket_topic_arns,
    var.runbook_base_url,
    var.stream_arn,
    var.accounts_table_kms_key_arn,
    var.batch_size,
    var.batch_window_seconds,
    var.parallelization_factor,
    var.iterator_age_alarm_milliseconds,
  ]
}

run "a_table_that_is_not_the_streams_is_refused" {
  command = plan

  variables {
    accounts_table_name = "customers"
  }

  expect_failures = [var.accounts_table_name]
}

run "settings_with_which_the_publisher_parks_every_record_or_does_not_start_are_refused" {
  command = plan

  variables {
    customer_id_attribute = "a b"
    status_attribute      = "a b"
    reason_attribute      = "a b"
    changed_at_attribute  = "a b"
    traceparent_attribute = "a b"
    sequence_attribute    = "a b"
    sequence_epoch        = 10000
    entity_filter         = "kind"
    table_status_map      = "active=ACTIVE,gone=REMOVED"
    event_source          = "accounts"
  }

  expect_failures = [
    var.customer_id_attribute,
    var.status_attribute,
    var.reason_attribute,
    var.changed_at_attribute,
    var.traceparent_attribute,
    var.sequence_attribute,
    var.sequence_epoch,
    var.entity_filter,
    var.table_status_map,
    var.event_source,
  ]
}

run "a_status_that_is_translated_twice_is_refused" {
  command = plan

  variables {
    table_status_map = "frozen=SUSPENDED,frozen=CLOSED"
  }

  expect_failures = [var.table_status_map]
}

run "an_unknown_transport_is_refused" {
  command = plan

  variables {
    bus = { transport = "kafka", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status" }
  }

  expect_failures = [var.bus]
}

run "a_topic_that_is_called_a_bus_is_refused" {
  command = plan

  variables {
    bus = { transport = "eventbridge", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status" }
  }

  expect_failures = [var.bus]
}

run "a_fifo_topic_that_is_called_standard_is_refused" {
  command = plan

  variables {
    bus = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo" }
  }

  expect_failures = [var.bus]
}

run "an_unknown_mode_is_refused" {
  command = plan

  variables {
    mode = "firehose"
  }

  expect_failures = [var.mode]
}

run "a_pipe_to_a_topic_is_refused" {
  command = plan

  variables {
    mode = "pipe"
  }

  expect_failures = [var.mode]
}

run "a_pipe_whose_batch_does_not_fit_a_call_or_whose_enrichment_outlives_it_is_refused" {
  command = plan

  variables {
    mode            = "pipe"
    bus             = { transport = "eventbridge", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status", publish_versions = [1, 2] }
    batch_size      = 6
    timeout_seconds = 241
  }

  expect_failures = [var.batch_size, var.timeout_seconds]
}
