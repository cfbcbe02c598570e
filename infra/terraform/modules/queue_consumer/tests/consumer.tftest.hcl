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
