mock_provider "aws" {
  source = "../../mocks"
}

variables {
  subscriber = {
    name                       = "payments"
    queue_arn                  = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments"
    queue_url                  = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments"
    dlq_arn                    = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments-dlq"
    dlq_url                    = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments-dlq"
    is_fifo                    = false
    max_receive_count          = 240
    visibility_timeout_seconds = 181
    kms_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  }
  table = { name = "fanout-payments", arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/fanout-payments" }
  # Any file will do for a package here.
  package = { path = "./versions.tf" }
}

run "a_failed_message_is_told_apart_from_its_batch" {
  command = plan

  assert {
    condition     = tolist(aws_lambda_event_source_mapping.queue.function_response_types) == tolist(["ReportBatchItemFailures"])
    error_message = "Partial answers."
  }
}

run "throttles_do_not_use_up_deliveries" {
  command = plan

  assert {
    condition     = aws_lambda_event_source_mapping.queue.scaling_config[0].maximum_concurrency == 10
    error_message = "The mapping itself stops."
  }
}

run "messages_are_taken_at_once_by_default" {
  command = plan

  assert {
    condition     = aws_lambda_event_source_mapping.queue.batch_size == 10 && aws_lambda_event_source_mapping.queue.maximum_batching_window_in_seconds == 0
    error_message = "No waiting."
  }
}

run "the_mapping_runs_what_is_live" {
  command = apply

  assert {
    condition     = endswith(aws_lambda_event_source_mapping.queue.function_name, ":live")
    error_message = "The alias."
  }
}

run "failures_and_lag_alarm" {
  command = plan

  assert {
    condition     = sort(keys(aws_cloudwatch_metric_alarm.function)) == tolist(["errors", "throttled"]) && aws_cloudwatch_metric_alarm.lag_now[0].dimensions == tomap({ deployment = "fanout", service = "payments_consumer" }) && sort(keys(aws_cloudwatch_metric_alarm.counts)) == tolist(["messages-parked", "parks-many", "version-near-sunset"]) && length(aws_cloudwatch_metric_alarm.failing) == 1
    error_message = "Each of them."
  }
}

run "a_mapping_that_does_not_poll_alarms_as_its_metric_is_missing" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.stopped[0].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.stopped[0].datapoints_to_alarm == 10
    error_message = "After ten minutes."
  }
}

run "a_bug_or_a_fault_of_what_the_consumer_needs_alarms_within_five_minutes" {
  command = plan

  assert {
    condition     = sort(keys(aws_cloudwatch_metric_alarm.retries)) == tolist(["dependency-faults", "unexpected-exceptions"])
    error_message = "Each of them."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.retries : alarm.period * alarm.datapoints_to_alarm <= 300 && alarm.period * alarm.evaluation_periods >= alarm.datapoints_to_alarm * 900])
    error_message = "At once, and on for as long as messages come back every 15 minutes."
  }
}

run "a_fifo_queue_is_read_without_a_window" {
  command = plan

  variables {
    subscriber = {
      name                       = "payments"
      queue_arn                  = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments.fifo"
      queue_url                  = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments.fifo"
      dlq_arn                    = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments-dlq.fifo"
      dlq_url                    = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments-dlq.fifo"
      is_fifo                    = true
      max_receive_count          = 240
      visibility_timeout_seconds = 181
      kms_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
    }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue.batch_size == 10
    error_message = "10 at most."
  }
}

run "rows_are_written_in_batches_by_default" {
  command = apply

  assert {
    condition     = strcontains(jsonencode(local.statements), "dynamodb:PartiQLInsert") && local.environment.WRITE_IN_BATCHES == "true"
    error_message = "The default."
  }
}

run "who_does_not_write_in_batches_may_run_no_statement" {
  command = apply

  variables {
    write_in_batches = false
  }

  assert {
    condition     = !strcontains(jsonencode(local.statements), "PartiQL") && local.environment.WRITE_IN_BATCHES == "false"
    error_message = "No permission."
  }
}
