mock_provider "aws" {
  source = "../../mocks"
}

variables {
  bus = {
    transport        = "sns"
    arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
    publish_versions = [2]
  }
  stream_arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts/stream/2026-11-23T00:00:00.000"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  # Any file will do for a package here.
  package_path = "./versions.tf"
}

run "a_prefix_that_is_no_part_of_a_bucket_name_is_refused" {
  command = plan

  variables {
    prefix = "Fan_Out"
  }

  expect_failures = [var.prefix]
}

run "alarms_to_a_fifo_topic_are_refused" {
  command = plan

  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:on-call.fifo"]
  }

  expect_failures = [var.alarm_topic_arns]
}

run "an_unknown_transport_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "kafka"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = [2]
    }
  }

  expect_failures = [var.bus]
}

run "a_table_instead_of_its_stream_is_refused" {
  command = plan

  variables {
    stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts"
  }

  expect_failures = [var.stream_arn]
}

run "a_topic_that_is_called_a_bus_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = [2]
    }
  }

  expect_failures = [var.bus]
}

run "a_fifo_topic_that_is_called_standard_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "sns"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo"
      publish_versions = [2]
    }
  }

  expect_failures = [var.bus]
}

run "an_alias_of_the_table_key_is_refused" {
  command = plan

  variables {
    accounts_table_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:alias/accounts"
  }

  expect_failures = [var.accounts_table_kms_key_arn]
}

run "an_epoch_that_would_sort_below_all_others_is_refused" {
  command = plan

  variables {
    sequence_epoch = 10000
  }

  expect_failures = [var.sequence_epoch]
}

run "an_entity_filter_without_a_value_is_refused" {
  command = plan

  variables {
    entity_filter = "kind"
  }

  expect_failures = [var.entity_filter]
}

run "a_status_that_is_translated_to_removed_is_refused" {
  command = plan

  variables {
    table_status_map = "active=ACTIVE,gone=REMOVED"
  }

  expect_failures = [var.table_status_map]
}

run "a_status_that_is_translated_twice_is_refused" {
  command = plan

  variables {
    table_status_map = "frozen=SUSPENDED,frozen=CLOSED"
  }

  expect_failures = [var.table_status_map]
}

run "a_source_that_is_no_uri_is_refused" {
  command = plan

  variables {
    event_source = "accounts"
  }

  expect_failures = [var.event_source]
}

run "a_batch_beyond_lambdas_limit_is_refused" {
  command = plan

  variables {
    batch_size = 10001
  }

  expect_failures = [var.batch_size]
}

run "a_batch_window_beyond_lambdas_limit_is_refused" {
  command = plan

  variables {
    batch_window_seconds = 301
  }

  expect_failures = [var.batch_window_seconds]
}

run "a_parallelization_beyond_lambdas_limit_is_refused" {
  command = plan

  variables {
    parallelization_factor = 11
  }

  expect_failures = [var.parallelization_factor]
}

run "an_alarm_that_comes_after_records_were_given_up_is_refused" {
  command = plan

  variables {
    iterator_age_alarm_milliseconds = 43200001
  }

  expect_failures = [var.iterator_age_alarm_milliseconds]
}

run "a_log_level_that_is_none_is_refused" {
  command = plan

  variables {
    log_level = "TRACE"
  }

  expect_failures = [var.log_level]
}

run "a_customer_id_attribute_that_is_no_attribute_is_refused" {
  command = plan

  variables {
    customer_id_attribute = "a b"
  }

  expect_failures = [var.customer_id_attribute]
}

run "a_status_attribute_that_is_no_attribute_is_refused" {
  command = plan

  variables {
    status_attribute = "a b"
  }

  expect_failures = [var.status_attribute]
}

run "a_reason_attribute_that_is_no_attribute_is_refused" {
  command = plan

  variables {
    reason_attribute = "a b"
  }

  expect_failures = [var.reason_attribute]
}

run "a_changed_at_attribute_that_is_no_attribute_is_refused" {
  command = plan

  variables {
    changed_at_attribute = "a b"
  }

  expect_failures = [var.changed_at_attribute]
}

run "a_traceparent_attribute_that_is_no_attribute_is_refused" {
  command = plan

  variables {
    traceparent_attribute = "a b"
  }

  expect_failures = [var.traceparent_attribute]
}

run "a_sequence_attribute_that_is_no_attribute_is_refused" {
  command = plan

  variables {
    sequence_attribute = "a b"
  }

  expect_failures = [var.sequence_attribute]
}
