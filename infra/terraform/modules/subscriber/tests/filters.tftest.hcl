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

run "without_statuses_only_the_type_is_asked_for" {
  command = plan

  assert {
    condition     = jsondecode(output.filter) == { type = ["novapay.accounts.CustomerStatusChanged.v2"] }
    error_message = "Every change."
  }
}

run "a_second_type_of_event_with_the_same_version_number_stays_out" {
  command = plan

  variables {
    bus = {
      transport        = "sns"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      publish_versions = [1, 2]
    }
    schema_versions = [1, 2]
    statuses        = ["ACTIVE"]
  }

  assert {
    condition     = jsondecode(output.filter).type == ["novapay.accounts.CustomerStatusChanged.v1", "novapay.accounts.CustomerStatusChanged.v2"]
    error_message = "By the event's name, in each version that is taken."
  }
  assert {
    condition     = sort(keys(jsondecode(output.filter))) == tolist(["transition", "type"])
    error_message = "And by nothing that another event has too."
  }
}

run "a_status_on_sns_matches_arrivals_by_suffix_and_departures_by_prefix" {
  command = plan

  variables {
    statuses = ["ACTIVE"]
  }

  assert {
    condition     = jsondecode(output.filter).transition == [{ prefix = "ACTIVE>" }, { prefix = "NONE>" }, { suffix = ">ACTIVE" }]
    error_message = "Both ways, and what may be a departure from a status that the producer did not know."
  }
}

run "who_keeps_no_table_needs_no_arrival_from_an_unknown_status" {
  command = plan

  variables {
    statuses           = ["ACTIVE"]
    keeps_latest_state = false
  }

  assert {
    condition     = jsondecode(output.filter).transition == [{ prefix = "ACTIVE>" }, { suffix = ">ACTIVE" }]
    error_message = "Both ways alone."
  }
}

run "single_transitions_are_matched_as_they_are" {
  command = plan

  variables {
    transitions        = ["ACTIVE>CLOSED", "NONE>*"]
    keeps_latest_state = false
  }

  assert {
    condition     = jsondecode(output.filter).transition == [{ prefix = "NONE>" }, "ACTIVE>CLOSED"]
    error_message = "As they are."
  }
}

run "a_status_on_eventbridge_matches_the_document_in_each_version" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [1, 2]
    }
    schema_versions = [1, 2]
    statuses        = ["ACTIVE"]
  }

  assert {
    condition = jsondecode(output.filter).detail["$or"] == [
      { type = ["novapay.accounts.CustomerStatusChanged.v1"], data = { old_status = ["ACTIVE", null] } },
      { type = ["novapay.accounts.CustomerStatusChanged.v1"], data = { new_status = ["ACTIVE"] } },
      { type = ["novapay.accounts.CustomerStatusChanged.v2"], data = { previous_status = ["ACTIVE", null] } },
      { type = ["novapay.accounts.CustomerStatusChanged.v2"], data = { status = ["ACTIVE"] } },
    ]
    error_message = "In each version's own words."
  }
}

run "a_customer_who_was_not_there_before_has_no_previous_status_on_eventbridge" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [2]
    }
    transitions        = ["NONE>ACTIVE"]
    keeps_latest_state = false
  }

  assert {
    condition = jsondecode(output.filter).detail == {
      type = ["novapay.accounts.CustomerStatusChanged.v2"]
      data = { previous_status = [null], status = ["ACTIVE"] }
    }
    error_message = "Null; and no \"$or\", which EventBridge takes for a field's name where it has one alternative."
  }
}

run "without_statuses_eventbridge_matches_the_version" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [2]
    }
  }

  assert {
    condition     = jsondecode(output.filter).detail == { type = ["novapay.accounts.CustomerStatusChanged.v2"] }
    error_message = "Every change."
  }
}

run "a_fifo_topic_has_no_filter_at_all" {
  command = plan

  variables {
    bus = {
      transport        = "sns-fifo"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo"
      publish_versions = [2]
    }
  }

  assert {
    condition     = output.filter == null && aws_sns_topic_subscription.this[0].filter_policy == null
    error_message = "None."
  }
}

run "a_subscriber_that_sees_every_leave_may_keep_the_latest_state" {
  command = plan

  variables {
    transitions = ["*>ACTIVE", "ACTIVE>*"]
  }

  assert {
    condition     = length(jsondecode(output.filter).transition) == 2
    error_message = "Accepted."
  }
}
