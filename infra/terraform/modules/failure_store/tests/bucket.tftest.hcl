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

run "what_was_deleted_by_mistake_can_be_brought_back" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Versioned."
  }
  assert {
    condition     = one([for r in aws_s3_bucket_lifecycle_configuration.this.rule : r if r.id == "forget-superseded-versions"]).noncurrent_version_expiration[0].noncurrent_days == 90
    error_message = "For 90 days."
  }
}

run "nothing_that_is_current_expires" {
  command = plan

  assert {
    condition     = alltrue([for r in aws_s3_bucket_lifecycle_configuration.this.rule : alltrue([for e in r.expiration : e.expired_object_delete_marker])])
    error_message = "Only marks of what was deleted before expire; S3 takes no age beside them."
  }
}

run "it_is_private_encrypted_and_refuses_plain_transport" {
  command = apply

  assert {
    condition     = aws_s3_bucket_public_access_block.this.restrict_public_buckets && aws_s3_bucket_public_access_block.this.block_public_policy && aws_s3_bucket_public_access_block.this.block_public_acls && aws_s3_bucket_public_access_block.this.ignore_public_acls
    error_message = "Private."
  }
  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    error_message = "Encrypted."
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this.policy).Statement[0].Effect == "Deny"
    error_message = "No plain transport."
  }
}

run "without_a_name_for_it_no_queue_is_told_of_given_up_batches" {
  command = plan

  assert {
    condition     = length(aws_sqs_queue.notices) == 0 && length(aws_s3_bucket_notification.given_up) == 0
    error_message = "Nothing is created that was not asked for."
  }
}

run "what_lambda_gives_up_is_known_for_an_hour" {
  command = apply

  variables {
    notices_queue_name = "fanout-failure-notices"
  }

  assert {
    condition     = aws_sqs_queue.notices[0].message_retention_seconds == 3600 && aws_s3_bucket_notification.given_up[0].queue[0].filter_prefix == "aws/lambda/"
    error_message = "A notice for each batch, and an alarm that ends by itself."
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
