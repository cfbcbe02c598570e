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
  package = { path = "./versions.tf" }
}

run "records_wait_during_an_outage_and_each_becomes_an_event_as_it_is" {
  command = plan

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).batch_size == 10
    error_message = "A call takes 10 events: 10 records with one version."
  }
  assert {
    condition     = one(one(aws_pipes_pipe.this[0].target_parameters).eventbridge_event_bus_parameters).time == "$.time"
    error_message = "The event has the time of its change."
  }
  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).maximum_retry_attempts == -1 && one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).maximum_record_age_in_seconds == 43200 && one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).on_partial_batch_item_failure == "AUTOMATIC_BISECT"
    error_message = "Attempts have no limit, age has one."
  }
  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).starting_position == "TRIM_HORIZON"
    error_message = "Nothing is missed while the pipe is created."
  }
  assert {
    condition     = one(one(aws_pipes_pipe.this[0].target_parameters).eventbridge_event_bus_parameters).detail_type == "CustomerStatusChanged"
    error_message = "The event has its type."
  }
  assert {
    condition     = one(aws_pipes_pipe.this[0].target_parameters).input_template == null
    error_message = "The event is the detail, without a template."
  }
  assert {
    condition     = length(one(aws_pipes_pipe.this[0].source_parameters).filter_criteria) == 0
    error_message = "Nothing is filtered by default."
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

run "the_pipe_reads_and_publishes_and_gives_up_to_its_dlq" {
  command = apply

  assert {
    condition     = one(one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).dead_letter_config).arn == aws_sqs_queue.dlq[0].arn
    error_message = "It gives up to its DLQ."
  }
  assert {
    condition     = one(aws_pipes_pipe.this[0].log_configuration).level == "ERROR" && one(aws_pipes_pipe.this[0].log_configuration).include_execution_data == null
    error_message = "It logs its errors, and no payload."
  }
  assert {
    condition     = aws_cloudwatch_log_group.pipe[0].name == "/aws/vendedlogs/pipes/fanout-publisher" && aws_cloudwatch_log_group.pipe[0].kms_key_id == var.kms_key_arn
    error_message = "Into an encrypted group of its own."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["given-up"].threshold == 0
    error_message = "An alarm watches the DLQ."
  }
  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.pipe[0].policy).Statement : s.Sid] == ["ReadTheStream", "Transform", "Publish", "GiveUp", "UseTheKey"]
    error_message = "The pipe's role reads and publishes."
  }
  assert {
    condition     = endswith(aws_pipes_pipe.this[0].enrichment, ":live")
    error_message = "It runs the alias."
  }
  assert {
    condition     = endswith(jsondecode(aws_iam_role.pipe[0].assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"], ":pipe/fanout-publisher")
    error_message = "Only this pipe assumes the role."
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
    condition     = sort(keys(aws_cloudwatch_metric_alarm.unseen)) == tolist(["selects-nothing"])
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
