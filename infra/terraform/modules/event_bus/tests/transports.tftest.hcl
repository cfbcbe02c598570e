mock_provider "aws" {
  source = "../../mocks"
}

run "a_standard_topic_is_encrypted_and_found_under_the_prefix" {
  command = apply

  assert {
    condition     = aws_sns_topic.this[0].name == "fanout-customer-status" && !aws_sns_topic.this[0].fifo_topic
    error_message = "A standard topic."
  }
  assert {
    condition     = aws_sns_topic.this[0].kms_master_key_id == output.kms_key_arn
    error_message = "Encrypted."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.bus.value).transport == "sns" && jsondecode(aws_ssm_parameter.bus.value).arn == output.arn
    error_message = "Found by transport and ARN."
  }
  assert {
    condition     = aws_ssm_parameter.bus.name == "/fanout/bus"
    error_message = "Under the prefix."
  }
  assert {
    condition     = length(aws_cloudwatch_event_bus.this) == 0 && length(aws_ram_resource_share.discovery) == 0
    error_message = "Nothing else is created."
  }
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

run "without_traces_x_ray_is_left_alone" {
  command = plan

  variables {
    tracing = false
  }

  assert {
    condition     = aws_sns_topic.this[0].tracing_config == "PassThrough" && length(aws_xray_resource_policy.topic) == 0
    error_message = "The publisher's trace passes; nothing is added."
  }
}

run "a_fifo_topic_orders_by_customer_and_takes_each_event_by_its_own_id" {
  command = plan

  variables {
    transport = "sns-fifo"
  }

  assert {
    condition     = aws_sns_topic.this[0].name == "fanout-customer-status.fifo" && aws_sns_topic.this[0].fifo_topic
    error_message = "A FIFO topic."
  }
  assert {
    condition     = aws_sns_topic.this[0].content_based_deduplication == false && aws_sns_topic.this[0].fifo_throughput_scope == "MessageGroup"
    error_message = "By id, and by group."
  }
}

run "a_bus_keeps_what_its_key_can_not_decipher" {
  command = apply

  variables {
    transport = "eventbridge"
  }

  assert {
    condition     = one(aws_cloudwatch_event_bus.this[0].dead_letter_config).arn == aws_sqs_queue.undecipherable[0].arn
    error_message = "A DLQ of the bus."
  }
  assert {
    condition     = aws_sqs_queue.undecipherable[0].sqs_managed_sse_enabled
    error_message = "Without the key that is at fault."
  }
}

run "a_bus_has_an_archive_where_one_is_asked_for" {
  command = plan

  variables {
    transport              = "eventbridge"
    archive_retention_days = 14
  }

  assert {
    condition     = aws_cloudwatch_event_archive.this[0].retention_days == 14
    error_message = "Kept for replay."
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

run "deliveries_that_fail_alarm" {
  command = plan

  assert {
    condition     = sort([for a in aws_cloudwatch_metric_alarm.topic : a.metric_name]) == tolist(["NumberOfNotificationsFailed", "NumberOfNotificationsFailedToRedriveToDlq", "NumberOfNotificationsRedrivenToDlq"])
    error_message = "Each way in which SNS fails."
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
