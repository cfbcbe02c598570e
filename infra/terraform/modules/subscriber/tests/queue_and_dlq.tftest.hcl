mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name = "payments"
  bus  = { transport = "sns", arn = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status", publish_versions = [2] }
}

run "operators_find_the_notes_of_what_is_parked" {
  command = apply

  variables {
    consumer = { function_name = "f", mapping_id = "m", table = "t", parked_groups_table = "fanout-payments-parked-groups" }
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.subscriber.value).parked_groups_table == "fanout-payments-parked-groups"
    error_message = "The consumer's."
  }
}

run "a_subscriber_without_a_table_of_latest_states_has_no_alarm_on_drift" {
  command = plan

  variables {
    keeps_latest_state = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.drift) == 0
    error_message = "It has no rows that could differ."
  }
}

run "silence_under_a_filter_alarms_only_after_a_day_of_a_thousand_events" {
  command = plan

  variables {
    statuses = ["CLOSED"]
  }

  assert {
    condition     = sort(keys(aws_cloudwatch_metric_alarm.silence)) == tolist(["receives-nothing"]) && one(flatten([for query in aws_cloudwatch_metric_alarm.silence["receives-nothing"].metric_query : query.metric[*].period if query.id == "published"])) == 86400
    error_message = "Hours without a message are nothing unusual."
  }
  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.silence["receives-nothing"].metric_query : query.expression if query.id == "result"]) == "IF(FILL(published, 0) > 999 AND FILL(arrived, 0) == 0, 1, 0)"
    error_message = "Of a thousand events one would have matched."
  }
}
