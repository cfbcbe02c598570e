mock_provider "aws" {
  source = "../../mocks"
}

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
    kms_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-00000000000c"
  }
  table = { name = "fanout-payments", arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/fanout-payments" }
  # Any file will do for a package here.
  package = { path = "./versions.tf" }
}

run "notes_are_kept_in_the_order_of_a_group_under_the_queues_key" {
  command = plan

  variables {
    park_by_customer = true
  }

  assert {
    condition     = aws_dynamodb_table.parked_groups[0].hash_key == "message_group" && aws_dynamodb_table.parked_groups[0].range_key == "place"
    error_message = "Group, then place."
  }
  assert {
    condition     = alltrue([for one in aws_dynamodb_table.parked_groups[0].attribute : one.type == "S"])
    error_message = "Both are strings."
  }
  assert {
    condition     = aws_dynamodb_table.parked_groups[0].server_side_encryption[0].kms_key_arn == var.subscriber.kms_key_arn
    error_message = "The queue's key."
  }
  assert {
    condition     = aws_dynamodb_table.parked_groups[0].point_in_time_recovery[0].enabled && aws_dynamodb_table.parked_groups[0].deletion_protection_enabled
    error_message = "Recoverable, and protected."
  }
}

run "the_consumer_and_the_operators_tools_are_told_of_the_notes" {
  command = plan

  variables {
    park_by_customer = true
  }

  assert {
    condition     = local.environment.PARK_BY_CUSTOMER == "true" && local.environment.PARKED_GROUPS_TABLE == "fanout-payments-parked-groups"
    error_message = "Both settings."
  }
  assert {
    condition     = output.consumer.parked_groups_table == "fanout-payments-parked-groups"
    error_message = "For the SSM document."
  }
}

run "the_consumer_may_look_at_write_and_remove_notes_and_nothing_else" {
  command = apply

  variables {
    park_by_customer = true
  }

  assert {
    condition = [for one in local.statements : { actions = one.Action, on = one.Resource } if one.Sid == "KeepNotesOfWhatIsParked"] == [{
      actions = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"]
      on      = aws_dynamodb_table.parked_groups[0].arn
    }]
    error_message = "Three actions on one table."
  }
  assert {
    condition     = length([for one in local.statements : one if one.Sid == "UseTheKeyThroughTheNotes"]) == 0
    error_message = "One key, one statement."
  }
}

run "a_table_with_a_key_of_its_own_leaves_the_notes_their_key" {
  command = apply

  variables {
    park_by_customer = true
    table = {
      name        = "fanout-payments"
      arn         = "arn:aws:dynamodb:eu-west-1:111122223333:table/fanout-payments"
      kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-00000000000b"
    }
  }

  assert {
    condition     = [for one in local.statements : one.Resource if one.Sid == "UseTheKeyThroughTheNotes"] == [var.subscriber.kms_key_arn]
    error_message = "The queue's key."
  }
}
