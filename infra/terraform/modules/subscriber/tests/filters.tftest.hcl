mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "payments"
  bus  = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [2] }
}

run "a_second_type_of_event_with_the_same_version_number_stays_out" {
  command = plan

  variables {
    bus             = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [1, 2] }
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

run "a_customer_who_was_not_there_before_has_no_previous_status_on_eventbridge" {
  command = plan

  variables {
    bus                = { transport = "eventbridge", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status", publish_versions = [2] }
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
