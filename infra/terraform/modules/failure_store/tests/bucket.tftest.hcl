mock_provider "aws" {
  source = "../../mocks"
}

variables {
  bucket_name = "fanout-failures-111122223333-eu-west-1"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
}

run "a_destroy_never_deletes_failures_by_default" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "Data stays."
  }
}

run "without_a_name_for_it_no_queue_is_told_of_given_up_batches" {
  command = plan

  assert {
    condition     = length(aws_sqs_queue.notices) == 0 && length(aws_s3_bucket_notification.given_up) == 0
    error_message = "Nothing is created that was not asked for."
  }
}

run "a_retention_too_short_to_notice_a_wrong_deletion_is_refused" {
  command = plan

  variables {
    superseded_retention_days = 7
  }

  expect_failures = [var.superseded_retention_days]
}

run "a_name_that_s3_refuses_is_refused" {
  command = plan

  variables {
    bucket_name = "Fanout_Failures"
  }

  expect_failures = [var.bucket_name]
}
