mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "payments"
  bus = {
    transport        = "sns"
    arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
    publish_versions = [2]
  }
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
    alarm_topic_arns  = ["arn:aws:sns:eu-west-1:111122223333:on-call.fifo"]
    ticket_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:tickets.fifo"]
    runbook_base_url  = "http://wiki/"
  }

  expect_failures = [var.alarm_topic_arns, var.ticket_topic_arns, var.runbook_base_url]
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

run "a_visibility_below_six_timeouts_is_refused" {
  command = plan

  variables {
    visibility_timeout_seconds = 180
  }

  expect_failures = [var.visibility_timeout_seconds]
}

run "a_visibility_below_six_timeouts_of_a_slower_consumer_is_refused" {
  command = plan

  variables {
    consumer_timeout_seconds   = 60
    visibility_timeout_seconds = 181
  }

  expect_failures = [var.visibility_timeout_seconds]
}

run "a_visibility_beyond_12_hours_is_refused" {
  command = plan

  variables {
    visibility_timeout_seconds = 43201
  }

  expect_failures = [var.visibility_timeout_seconds]
}

run "a_filter_on_a_fifo_topic_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "sns-fifo"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo"
      publish_versions = [2]
    }
    statuses = ["ACTIVE"]
  }

  expect_failures = [var.statuses]
}

run "transitions_on_a_fifo_topic_are_refused" {
  command = plan

  variables {
    bus = {
      transport        = "sns-fifo"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo"
      publish_versions = [2]
    }
    transitions = ["*>ACTIVE", "ACTIVE>*"]
  }

  expect_failures = [var.transitions]
}

run "a_dlq_that_keeps_no_longer_than_the_queue_is_refused" {
  command = plan

  variables {
    dlq_retention_seconds = 604800
    dlq_age_alarm_seconds = 60
  }

  expect_failures = [var.dlq_retention_seconds]
}

run "a_dlq_beyond_14_days_is_refused" {
  command = plan

  variables {
    dlq_retention_seconds = 1209601
  }

  expect_failures = [var.dlq_retention_seconds]
}

run "a_queue_that_keeps_so_long_that_dead_messages_expire_at_once_is_refused" {
  command = plan

  variables {
    queue_retention_seconds = 864001
  }

  expect_failures = [var.queue_retention_seconds]
}

run "an_alarm_of_dead_messages_that_comes_too_late_is_refused" {
  command = plan

  variables {
    dlq_age_alarm_seconds = 518401
  }

  expect_failures = [var.dlq_age_alarm_seconds]
}

run "a_topic_of_the_other_kind_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "sns-fifo"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = [2]
    }
  }

  expect_failures = [var.bus]
}

run "a_bus_that_is_called_a_topic_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "sns"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [2]
    }
  }

  expect_failures = [var.bus]
}

run "fewer_deliveries_than_throttling_needs_are_refused" {
  command = plan

  variables {
    max_receive_count = 4
  }

  expect_failures = [var.max_receive_count]
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
    bus = {
      transport        = "sns"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = [1, 2]
    }
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
    bus = {
      transport        = "sns"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = null
    }
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
    bus = {
      transport        = "sns-fifo"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo"
      publish_versions = [1, 2]
    }
    schema_versions = [2]
  }

  expect_failures = [var.schema_versions]
}

run "a_name_of_another_subscribers_dlq_is_refused" {
  command = plan

  variables {
    name = "payments-dlq"
  }

  expect_failures = [var.name]
}

run "a_name_beyond_30_characters_which_would_not_fit_a_functions_is_refused" {
  command = plan

  variables {
    name = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
  }

  expect_failures = [var.name]
}

run "a_filter_that_eventbridge_finds_too_long_is_refused" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [1, 2]
    }
    schema_versions    = [1, 2]
    keeps_latest_state = false
    transitions = [
      for pair in setproduct(["*", "NONE", "PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"], ["*", "PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"]) :
      "${pair[0]}>${pair[1]}" if pair[0] != pair[1]
    ]
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "an_instant_that_nobody_can_read_is_refused" {
  command = plan

  variables {
    since = "yesterday"
  }

  expect_failures = [var.since]
}

run "an_alarm_of_the_queue_that_comes_after_the_deletion_is_refused" {
  command = plan

  variables {
    queue_age_alarm_seconds = 604800
  }

  expect_failures = [var.queue_age_alarm_seconds]
}

run "a_consumer_timeout_beyond_lambdas_limit_is_refused" {
  command = plan

  variables {
    consumer_timeout_seconds = 901
  }

  expect_failures = [var.consumer_timeout_seconds]
}

run "a_batch_window_beyond_lambdas_limit_is_refused" {
  command = plan

  variables {
    consumer_batch_window_seconds = 301
  }

  expect_failures = [var.consumer_batch_window_seconds]
}

run "more_deliveries_than_the_shortest_retention_has_room_for_are_refused" {
  command = plan

  variables {
    max_receive_count = 289
  }

  expect_failures = [var.max_receive_count]
}

run "deliveries_that_outlast_the_retention_of_a_slow_consumers_queue_are_refused" {
  command = plan

  variables {
    consumer_timeout_seconds = 900
  }

  expect_failures = [var.max_receive_count]
}

run "a_retention_shorter_than_the_last_delivery_is_refused" {
  command = plan

  variables {
    queue_retention_seconds = 259199
  }

  expect_failures = [var.queue_retention_seconds]
}
