data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Who reads it is for the account's CloudTrail; a log bucket would need one itself.
  #checkov:skip=CKV_AWS_144:A recovery publishes from the region that failed; a copy elsewhere would be read by nobody.
  #checkov:skip=CKV2_AWS_62:What Lambda gives up notifies a queue; the publisher counts what it parks.
  bucket = var.bucket_name
  # An object here is a change that no subscriber has seen: a bucket that holds one is not deleted.
  force_destroy = var.force_destroy
  tags          = var.tags

  # A destroy that stops at a bucket with data in it must not have deleted the data's key already.
  depends_on = [var.kms_key_arn]
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# Nothing that is current expires: a person decides about each failure.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "forget-superseded-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.superseded_retention_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# Tells that Lambda wrote a batch here. S3's request metrics would not do: they are best effort, and an
# alarm may never get its only data point. Nobody reads the notices, which name objects and hold none:
# how many there are is what the alarm watches, for an hour after the last one came.
resource "aws_sqs_queue" "notices" {
  count = var.notices_queue_name != null ? 1 : 0

  name                      = var.notices_queue_name
  message_retention_seconds = 3600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "notices" {
  count = length(aws_sqs_queue.notices)

  queue_url = aws_sqs_queue.notices[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "BucketNotifies"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.notices[0].arn
        Condition = {
          ArnEquals    = { "aws:SourceArn" = aws_s3_bucket.this.arn }
          StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
        }
      },
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.notices[0].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_s3_bucket_notification" "given_up" {
  count = length(aws_sqs_queue.notices)

  bucket = aws_s3_bucket.this.id

  queue {
    queue_arn     = aws_sqs_queue.notices[0].arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "aws/lambda/"
  }

  # S3 asks the queue whether it may write there before it takes the notification.
  depends_on = [aws_sqs_queue_policy.notices]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  # S3 refuses two changes of a bucket's access at the same time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
