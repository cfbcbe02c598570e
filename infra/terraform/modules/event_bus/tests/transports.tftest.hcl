mock_provider "aws" {
  source = "../../mocks"
}

run "a_topic_sends_traces_and_nothing_else_may_in_its_name" {
  command = apply

  assert {
    condition     = aws_sns_topic.this[0].tracing_config == "Active"
    error_message = "Segments of its own."
  }
  assert {
    condition     = jsondecode(aws_xray_resource_policy.topic[0].policy_document).Statement[0].Condition.ArnEquals["aws:SourceArn"] == "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"
    error_message = "X-Ray takes them from this topic only."
  }
}

run "a_bus_has_no_archive_by_default" {
  command = plan

  variables {
    transport = "eventbridge"
  }

  assert {
    condition     = length(aws_cloudwatch_event_archive.this) == 0
    error_message = "Nothing is created that was not asked for."
  }
}

run "a_fifo_topic_has_an_archive_where_one_is_asked_for" {
  command = plan

  variables {
    transport              = "sns-fifo"
    archive_retention_days = 30
  }

  assert {
    condition     = jsondecode(aws_sns_topic.this[0].archive_policy).MessageRetentionPeriod == "30"
    error_message = "Kept for replay."
  }
}

run "an_archive_of_a_fifo_topic_is_switched_off_as_sns_wants_it" {
  command = plan

  variables {
    transport              = "sns-fifo"
    archive_retention_days = 0
  }

  assert {
    condition     = aws_sns_topic.this[0].archive_policy == "{}"
    error_message = "SNS refuses an empty text."
  }
}

run "no_alarms_where_none_are_wanted" {
  command = plan

  variables {
    create_alarms = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.topic) == 0
    error_message = "None."
  }
}
