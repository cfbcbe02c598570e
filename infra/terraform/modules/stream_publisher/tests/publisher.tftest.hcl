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
  package = { path = "./versions.tf" }
}

run "an_outage_waits_in_the_stream_and_then_goes_to_the_failure_store_whole" {
  command = apply

  assert {
    condition     = aws_lambda_event_source_mapping.stream[0].maximum_retry_attempts == -1 && aws_lambda_event_source_mapping.stream[0].maximum_record_age_in_seconds == 43200 && aws_lambda_event_source_mapping.stream[0].bisect_batch_on_function_error
    error_message = "Attempts have no limit, age has one."
  }
  assert {
    condition     = one(one(aws_lambda_event_source_mapping.stream[0].destination_config).on_failure).destination_arn == "arn:aws:s3:::fanout-failures-111122223333-eu-west-1"
    error_message = "S3 gets the records themselves."
  }
  assert {
    condition     = tolist(aws_lambda_event_source_mapping.stream[0].function_response_types) == tolist(["ReportBatchItemFailures"])
    error_message = "Only failed records are retried."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream[0].starting_position == "TRIM_HORIZON"
    error_message = "Nothing is missed while the mapping is created."
  }
  assert {
    condition     = length(aws_lambda_event_source_mapping.stream[0].filter_criteria) == 0
    error_message = "The publisher sees every record."
  }
  assert {
    condition     = endswith(aws_lambda_event_source_mapping.stream[0].function_name, ":live")
    error_message = "The mapping runs the alias."
  }
}

run "operators_find_what_it_reads" {
  command = apply

  assert {
    condition     = jsondecode(aws_ssm_parameter.publisher.value).accounts_table == "accounts" && jsondecode(aws_ssm_parameter.publisher.value).publish_versions == "2"
    error_message = "Table from the stream."
  }
  assert {
    condition     = aws_ssm_parameter.publisher.name == "/fanout/publisher"
    error_message = "Under the prefix."
  }
}

run "every_way_to_fail_alarms_and_a_quiet_day_does_not" {
  command = plan

  assert {
    condition     = sort(keys(aws_cloudwatch_metric_alarm.this)) == tolist(["batches-given-up", "behind", "bus-faults", "errors", "given-up-batches-lost", "records-held", "records-parked", "selects-nothing", "stopped", "throttled"]) && sort(keys(aws_cloudwatch_metric_alarm.unseen)) == tolist(["misses-changes", "sees-nothing"])
    error_message = "Each failure has an alarm."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["selects-nothing"].metric_name == "CustomerRecords" && aws_cloudwatch_metric_alarm.this["selects-nothing"].period == 86400 && aws_cloudwatch_metric_alarm.this["selects-nothing"].comparison_operator == "LessThanOrEqualToThreshold" && aws_cloudwatch_metric_alarm.this["selects-nothing"].threshold == 0 && aws_cloudwatch_metric_alarm.this["selects-nothing"].treat_missing_data == "notBreaching"
    error_message = "A day of records without a customer alarms; a day without records does not."
  }
}

run "pages_call_through_one_alarm_with_those_of_the_bus" {
  command = apply

  variables {
    alarm_topic_arns  = ["arn:aws:sns:eu-west-1:111122223333:on-call"]
    ticket_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:tickets"]
    bus = {
      transport   = "sns"
      arn         = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
      page_alarms = ["fanout-topic-deliveries-lost"]
    }
  }

  assert {
    condition     = aws_cloudwatch_composite_alarm.page[0].alarm_actions == toset(var.alarm_topic_arns) && length(aws_cloudwatch_metric_alarm.this["stopped"].alarm_actions) == 0 && strcontains(aws_cloudwatch_composite_alarm.page[0].alarm_rule, "ALARM(\"fanout-publisher-stopped\") OR ") && endswith(aws_cloudwatch_composite_alarm.page[0].alarm_rule, " OR ALARM(\"fanout-topic-deliveries-lost\")")
    error_message = "One outage is one page."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["records-parked"].alarm_actions == toset(var.ticket_topic_arns)
    error_message = "Until tomorrow."
  }
}

run "its_own_statuses_reach_the_publisher_and_the_tools" {
  command = apply

  variables {
    table_status_map = "active=ACTIVE,on hold=SUSPENDED"
  }

  assert {
    condition     = jsondecode(aws_ssm_parameter.publisher.value).table_status_map == "active=ACTIVE,on hold=SUSPENDED"
    error_message = "For backfill and reconcile."
  }
}
