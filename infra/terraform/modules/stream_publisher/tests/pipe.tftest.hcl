mock_provider "aws" {
  source = "../../mocks"
}

variables {
  mode = "pipe"
  bus = {
    transport        = "eventbridge"
    arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
    publish_versions = [2]
  }
  stream_arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts/stream/2026-11-23T00:00:00.000"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  # Any file will do for a package here.
  package_path = "./versions.tf"
}

run "each_record_becomes_an_event_a_version_and_ten_fit_a_call" {
  command = plan

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).batch_size == 10
    error_message = "10 for one version."
  }
}

run "two_versions_halve_the_batch" {
  command = apply

  variables {
    bus = {
      transport        = "eventbridge"
      arn              = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"
      publish_versions = [1, 2]
    }
  }

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).batch_size == 5
    error_message = "5 for two versions."
  }
}

run "an_event_on_the_bus_bears_the_time_of_its_change" {
  command = plan

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].target_parameters).eventbridge_event_bus_parameters).time == "$.time"
    error_message = "As the document says."
  }
}

run "an_outage_waits_in_the_stream" {
  command = plan

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).maximum_retry_attempts == -1 && one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).maximum_record_age_in_seconds == 43200 && one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).on_partial_batch_item_failure == "AUTOMATIC_BISECT"
    error_message = "Attempts have no limit, age has one."
  }
}

run "nothing_is_missed_while_the_pipe_is_made" {
  command = plan

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).starting_position == "TRIM_HORIZON"
    error_message = "From the oldest record."
  }
}

run "what_it_gives_up_goes_to_its_dlq" {
  command = apply

  assert {
    condition     = one(one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).dead_letter_config).arn == aws_sqs_queue.dlq[0].arn
    error_message = "A DLQ."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["given-up"].threshold == 0
    error_message = "And an alarm."
  }
}

run "the_bus_gets_the_event_as_its_detail" {
  command = plan

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].target_parameters).eventbridge_event_bus_parameters).detail_type == "CustomerStatusChanged"
    error_message = "With its type."
  }
  assert {
    condition     = one(aws_pipes_pipe.this[0].target_parameters).input_template == null
    error_message = "As it is."
  }
}

run "nothing_is_filtered_away_by_default" {
  command = plan

  assert {
    condition     = length(one(aws_pipes_pipe.this[0].source_parameters).filter_criteria) == 0
    error_message = "No filter."
  }
}

run "items_of_another_kind_are_filtered_in_either_image" {
  command = plan

  variables {
    entity_filter = "kind=customer"
  }

  assert {
    condition     = [for f in one(one(aws_pipes_pipe.this[0].source_parameters).filter_criteria).filter : jsondecode(f.pattern).dynamodb] == [{ NewImage = { kind = { S = ["customer"] } } }, { OldImage = { kind = { S = ["customer"] } } }]
    error_message = "New and removed items, and those that start or cease to match."
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.selects_nothing) == 1
    error_message = "A mistyped filter looks like quiet."
  }
}

run "an_entity_may_be_a_string_or_a_number" {
  command = plan

  variables {
    entity_filter = "kind=7"
  }

  assert {
    condition     = [for f in one(one(aws_pipes_pipe.this[0].source_parameters).filter_criteria).filter : jsondecode(f.pattern).dynamodb] == [{ NewImage = { kind = { S = ["7"] } } }, { NewImage = { kind = { N = ["7"] } } }, { OldImage = { kind = { S = ["7"] } } }, { OldImage = { kind = { N = ["7"] } } }]
    error_message = "As the publisher takes it."
  }
}

run "the_pipe_and_not_the_enrichment_reads_and_publishes" {
  command = apply

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.pipe[0].policy).Statement : s.Sid] == ["ReadTheStream", "Transform", "Publish", "GiveUp", "UseTheKey"]
    error_message = "The pipe's role."
  }
  assert {
    condition     = endswith(aws_pipes_pipe.this[0].enrichment, ":live")
    error_message = "What is live."
  }
}

run "only_this_pipe_takes_the_role" {
  command = apply

  assert {
    condition     = endswith(jsondecode(aws_iam_role.pipe[0].assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"], ":pipe/fanout-publisher")
    error_message = "By its ARN."
  }
}
