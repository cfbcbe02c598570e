mock_provider "aws" {
  source = "../../mocks"
}

variables {
  mode        = "pipe"
  bus         = { transport = "eventbridge", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status", publish_versions = [2] }
  stream_arn  = "arn:aws:dynamodb:eu-west-1:111122223333:table/accounts/stream/2026-11-23T00:00:00.000"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  # Any file will do for a package here.
  package = { path = "./versions.tf" }
}

run "two_versions_halve_the_batch" {
  command = apply

  variables {
    bus = { transport = "eventbridge", arn = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status", publish_versions = [1, 2] }
  }

  assert {
    condition     = one(one(aws_pipes_pipe.this[0].source_parameters).dynamodb_stream_parameters).batch_size == 5
    error_message = "5 for two versions."
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
