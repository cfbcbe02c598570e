mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "payments"
  bus  = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [2] }
}

run "an_unknown_transport_is_refused" {
  command = plan

  variables {
    bus = { transport = "kafka", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [2] }
  }

  expect_failures = [var.bus]
}

run "a_filter_on_a_fifo_topic_is_refused" {
  command = plan

  variables {
    bus      = { transport = "sns-fifo", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo", publish_versions = [2] }
    statuses = ["ACTIVE"]
  }

  expect_failures = [var.statuses]
}

run "transitions_on_a_fifo_topic_are_refused" {
  command = plan

  variables {
    bus         = { transport = "sns-fifo", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo", publish_versions = [2] }
    transitions = ["*>ACTIVE", "ACTIVE>*"]
  }

  expect_failures = [var.transitions]
}

run "a_topic_of_the_other_kind_is_refused" {
  command = plan

  variables {
    bus = { transport = "sns-fifo", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [2] }
  }

  expect_failures = [var.bus]
}

run "a_bus_that_is_called_a_topic_is_refused" {
  command = plan

  variables {
    bus = { transport = "sns", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status", publish_versions = [2] }
  }

  expect_failures = [var.bus]
}

run "a_status_that_no_event_has_is_refused" {
  command = plan

  variables {
    statuses = ["active"]
  }

  expect_failures = [var.statuses]
}

run "a_status_that_the_version_does_not_know_is_refused" {
  command = plan

  variables {
    bus             = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [1, 2] }
    schema_versions = [1]
    statuses        = ["REMOVED"]
  }

  expect_failures = [var.statuses]
}

run "a_transition_that_never_happens_is_refused" {
  command = plan

  variables {
    transitions        = ["ACTIVE>ACTIVE"]
    keeps_latest_state = false
  }

  expect_failures = [var.transitions]
}

run "a_transition_to_an_unknown_status_is_refused" {
  command = plan

  variables {
    transitions        = ["ACTIVE>FROZEN"]
    keeps_latest_state = false
  }

  expect_failures = [var.transitions]
}

run "a_transition_that_is_none_is_refused" {
  command = plan

  variables {
    transitions        = ["ACTIVE"]
    keeps_latest_state = false
  }

  expect_failures = [var.transitions]
}

run "a_filter_that_does_not_see_customers_leave_is_refused" {
  command = plan

  variables {
    transitions = ["*>ACTIVE"]
  }

  expect_failures = [var.transitions]
}

run "a_filter_that_does_not_see_customers_come_back_is_refused" {
  command = plan

  variables {
    transitions = ["ACTIVE>*"]
  }

  expect_failures = [var.transitions]
}

run "a_filter_that_only_sees_customers_appear_is_refused" {
  command = plan

  variables {
    transitions = ["NONE>*"]
  }

  expect_failures = [var.transitions]
}

run "a_filter_that_misses_one_way_out_is_refused" {
  command = plan

  variables {
    transitions = ["*>ACTIVE", "ACTIVE>SUSPENDED", "ACTIVE>CLOSED"]
  }

  expect_failures = [var.transitions]
}

run "statuses_and_transitions_at_once_are_refused" {
  command = plan

  variables {
    statuses    = ["ACTIVE"]
    transitions = ["*>ACTIVE", "ACTIVE>*"]
  }

  expect_failures = [var.transitions]
}

run "an_empty_filter_is_refused" {
  command = plan

  variables {
    statuses = []
  }

  expect_failures = [var.statuses]
}

run "an_unknown_version_is_refused" {
  command = plan

  variables {
    bus             = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = null }
    schema_versions = [3]
  }

  expect_failures = [var.schema_versions]
}

run "a_version_that_is_not_published_is_refused" {
  command = plan

  variables {
    schema_versions = [1]
  }

  expect_failures = [var.schema_versions]
}

run "a_version_of_a_fifo_topic_that_could_not_be_filtered_away_is_refused" {
  command = plan

  variables {
    bus             = { transport = "sns-fifo", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo", publish_versions = [1, 2] }
    schema_versions = [2]
  }

  expect_failures = [var.schema_versions]
}

run "a_filter_that_eventbridge_finds_too_long_is_refused" {
  command = plan

  variables {
    bus                = { transport = "eventbridge", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status", publish_versions = [1, 2] }
    schema_versions    = [1, 2]
    keeps_latest_state = false
    transitions = [
      for pair in setproduct(["*", "NONE", "PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"], ["*", "PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"]) :
      "${pair[0]}>${pair[1]}" if pair[0] != pair[1]
    ]
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "deliveries_that_outlast_the_retention_of_a_slow_consumers_queue_are_refused" {
  command = plan

  variables {
    consumer_timeout_seconds = 900
  }

  expect_failures = [var.max_receive_count]
}

run "names_that_do_not_fit_alarms_that_reach_nobody_and_few_deliveries_are_refused" {
  command = plan

  variables {
    prefix            = "Fan_Out"
    name              = "payments-dlq"
    alarm_topic_arns  = ["arn:aws:sns:eu-west-1:111122223333:on-call.fifo"]
    ticket_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:tickets.fifo"]
    runbook_base_url  = "http://wiki/"
    since             = "yesterday"
    max_receive_count = 4
  }

  expect_failures = [
    var.prefix,
    var.name,
    var.alarm_topic_arns,
    var.ticket_topic_arns,
    var.runbook_base_url,
    var.since,
    var.max_receive_count,
  ]
}

run "what_lambda_or_a_functions_name_has_no_room_for_and_a_queue_as_lasting_as_its_dlq_are_refused" {
  command = plan

  variables {
    name                          = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
    consumer_timeout_seconds      = 901
    consumer_batch_window_seconds = 301
    queue_retention_seconds       = 864001
  }

  expect_failures = [
    var.name,
    var.consumer_timeout_seconds,
    var.consumer_batch_window_seconds,
    var.queue_retention_seconds,
  ]
}

run "a_visibility_beyond_12_hours_a_dlq_beyond_14_days_and_an_alarm_after_the_deletion_are_refused" {
  command = plan

  variables {
    visibility_timeout_seconds = 43201
    dlq_retention_seconds      = 1209601
    queue_age_alarm_seconds    = 604800
  }

  expect_failures = [
    var.visibility_timeout_seconds,
    var.dlq_retention_seconds,
    var.queue_age_alarm_seconds,
  ]
}

run "more_deliveries_than_there_is_time_for_and_an_alarm_that_comes_too_late_are_refused" {
  command = plan

  variables {
    max_receive_count     = 289
    dlq_age_alarm_seconds = 518401
  }

  expect_failures = [var.max_receive_count, var.dlq_age_alarm_seconds]
}

run "a_visibility_below_six_timeouts_and_a_retention_shorter_than_the_last_delivery_are_refused" {
  command = plan

  variables {
    visibility_timeout_seconds = 180
    queue_retention_seconds    = 259199
  }

  expect_failures = [var.visibility_timeout_seconds, var.queue_retention_seconds]
}

run "a_visibility_too_short_for_a_slower_consumer_and_a_dlq_as_short_as_the_queue_are_refused" {
  command = plan

  variables {
    consumer_timeout_seconds   = 60
    visibility_timeout_seconds = 181
    dlq_retention_seconds      = 604800
    dlq_age_alarm_seconds      = 60
  }

  expect_failures = [var.visibility_timeout_seconds, var.dlq_retention_seconds]
}
