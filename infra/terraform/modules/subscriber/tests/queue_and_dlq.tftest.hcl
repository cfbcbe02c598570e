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

run "a_message_stays_hidden_for_six_timeouts_and_the_window" {
  command = plan

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 181
    error_message = "6 x 30 + 1."
  }
}

run "dead_messages_outlive_the_queue" {
  command = apply

  assert {
    condition     = aws_sqs_queue.dlq.message_retention_seconds == 1209600 && aws_sqs_queue.this.message_retention_seconds == 604800
    error_message = "14 days after 7."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy).maxReceiveCount == 240
    error_message = "10 deliveries."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.dlq.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-west-1:111122223333:fanout-payments"]
    error_message = "From this queue only."
  }
}

run "only_this_topic_delivers_to_queue_and_dlq" {
  command = apply

  assert {
    condition     = alltrue([for p in [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dlq] : jsondecode(p.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == var.bus.arn && jsondecode(p.policy).Statement[0].Principal.Service == "sns.amazonaws.com"])
    error_message = "By its ARN."
  }
}

run "what_sns_can_not_deliver_goes_to_the_dlq_too" {
  command = apply

  assert {
    condition     = jsondecode(aws_sns_topic_subscription.this[0].redrive_policy).deadLetterTargetArn == output.dlq_arn
    error_message = "The same DLQ."
  }
  assert {
    condition     = aws_sns_topic_subscription.this[0].raw_message_delivery
    error_message = "Raw."
  }
}

run "only_this_rule_delivers_to_queue_and_dlq" {
  command = apply

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [2]
    }
  }

  assert {
    condition     = alltrue([for p in [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dlq] : jsondecode(p.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == aws_cloudwatch_event_rule.this[0].arn && jsondecode(p.policy).Statement[0].Principal.Service == "events.amazonaws.com"])
    error_message = "By its ARN."
  }
  assert {
    condition     = aws_cloudwatch_event_target.queue[0].input_path == "$.detail"
    error_message = "The event alone."
  }
  assert {
    condition     = aws_cloudwatch_event_target.queue[0].dead_letter_config[0].arn == output.dlq_arn
    error_message = "The same DLQ."
  }
}

run "queue_and_dlq_behind_a_fifo_topic_are_fifo" {
  command = plan

  variables {
    bus = {
      transport        = "sns-fifo"
      arn              = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status.fifo"
      publish_versions = [2]
    }
  }

  assert {
    condition     = aws_sqs_queue.this.name == "fanout-payments.fifo" && aws_sqs_queue.dlq.name == "fanout-payments-dlq.fifo"
    error_message = "Both FIFO."
  }
  assert {
    condition     = aws_sqs_queue.this.fifo_throughput_limit == "perMessageGroupId"
    error_message = "Per customer group."
  }
}

run "a_given_key_encrypts_both" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009" }
  }

  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key.arn && aws_sqs_queue.dlq.kms_master_key_id == var.kms_key.arn
    error_message = "The given key."
  }
}

run "operators_find_it" {
  command = apply

  assert {
    condition     = jsondecode(aws_ssm_parameter.subscriber.value).filter == { type = ["novapay.accounts.CustomerStatusChanged.v2"] } && jsondecode(aws_ssm_parameter.subscriber.value).versions == "2"
    error_message = "Filter and versions."
  }
  assert {
    condition     = aws_ssm_parameter.subscriber.name == "/fanout/subscribers/payments"
    error_message = "Under the prefix."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.subscriber.value).parked_groups_table == ""
    error_message = "No notes."
  }
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

run "dead_late_and_missing_messages_alarm" {
  command = plan

  assert {
    condition     = sort(keys(aws_cloudwatch_metric_alarm.queue)) == tolist(["dead-letters", "dead-letters-expire-soon", "dead-letters-growing", "queue-falls-behind"]) && sort(keys(aws_cloudwatch_metric_alarm.silence)) == tolist(["misses-events", "receives-nothing"])
    error_message = "Each of them."
  }
  assert {
    condition     = sort(flatten([for query in aws_cloudwatch_metric_alarm.queue["dead-letters"].metric_query : query.metric[*].metric_name])) == tolist(["ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesVisible"])
    error_message = "What SQS itself moves counts too, and what somebody looks at."
  }
}

run "pages_call_through_one_alarm_and_tickets_notify_by_themselves" {
  command = plan

  variables {
    alarm_topic_arns  = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
    ticket_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:tickets"]
    runbook_base_url  = "https://wiki.example.com/runbooks"
    consumer = {
      page_alarms = ["fanout-payments-consumer-errors"]
      lag_alarms  = ["fanout-payments-end-to-end-lag", "fanout-payments-end-to-end-lag-now"]
    }
  }

  assert {
    condition     = aws_cloudwatch_composite_alarm.page[0].alarm_actions == toset(var.alarm_topic_arns) && length(aws_cloudwatch_metric_alarm.queue["queue-falls-behind"].alarm_actions) == 0
    error_message = "One outage is one page."
  }
  assert {
    condition     = endswith(aws_cloudwatch_composite_alarm.page[0].alarm_rule, "ALARM(\"fanout-payments-consumer-errors\") OR (ALARM(\"fanout-payments-end-to-end-lag\") AND ALARM(\"fanout-payments-end-to-end-lag-now\"))")
    error_message = "The consumer's alarms too, and lag in both windows."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.queue["dead-letters"].alarm_actions == toset(var.ticket_topic_arns)
    error_message = "Until tomorrow."
  }
  assert {
    condition     = endswith(aws_cloudwatch_metric_alarm.queue["dead-letters"].alarm_description, "Runbook: https://wiki.example.com/runbooks/dead-letters.md")
    error_message = "A link to click."
  }
}

run "rows_that_differ_alarm" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.drift[0].dimensions == tomap({ deployment = "fanout", subscriber = "payments" }) && aws_cloudwatch_metric_alarm.drift[0].metric_name == "DriftedRows"
    error_message = "What reconcile counts for this subscriber."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.drift[0].treat_missing_data == "notBreaching"
    error_message = "Where no reconcile runs there is nothing to tell."
  }
  assert {
    condition     = endswith(aws_cloudwatch_metric_alarm.drift[0].alarm_description, "Runbook: docs/runbooks/drift.md")
    error_message = "With its runbook."
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

run "a_rule_that_fails_to_deliver_alarms" {
  command = plan

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [2]
    }
  }

  assert {
    condition     = sort([for a in aws_cloudwatch_metric_alarm.rule : a.metric_name]) == tolist(["FailedInvocations", "InvocationsFailedToBeSentToDlq", "InvocationsSentToDlq"])
    error_message = "Each way in which EventBridge fails."
  }
  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.rule["deliveries-lost"].dimensions) == tolist(["EventBusName", "RuleName"])
    error_message = "Rules of a custom bus count under both names."
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
