# mode = "pipe": an EventBridge Pipe reads the stream and writes to the bus; the publisher's function
# is its enrichment.

locals {
  pipe_arn = "arn:${data.aws_partition.current.partition}:pipes:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:pipe/${local.name}"

  # Skips items that are of another kind in both images, as the publisher would: nobody pays for
  # them. An item that becomes, or stops being, a customer passes. A filter cannot detect a change of
  # status. A number is compared as DynamoDB writes it.
  entity       = split("=", var.entity_filter)
  entity_types = can(tonumber(local.entity[1])) ? ["S", "N"] : ["S"]
  filters = var.entity_filter == "" ? [] : [
    for pair in setproduct(["NewImage", "OldImage"], local.entity_types) : jsonencode({
      dynamodb = { (pair[0]) = { (local.entity[0]) = { (pair[1]) = [local.entity[1]] } } }
    })
  ]
}

resource "aws_iam_role" "pipe" {
  count = local.is_pipe ? 1 : 0

  name = "${local.name}-pipe-${data.aws_region.current.id}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "pipes.amazonaws.com" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
          ArnEquals    = { "aws:SourceArn" = local.pipe_arn }
        }
      },
    ]
  })
  path                 = try(var.function_settings.role_path, "/")
  permissions_boundary = try(var.function_settings.permissions_boundary_arn, null)
  tags                 = var.tags
}

resource "aws_iam_role_policy" "pipe" {
  count = local.is_pipe ? 1 : 0

  name = "carry-status-changes"
  role = aws_iam_role.pipe[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.read_the_stream, [
      {
        Sid      = "Transform"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = module.function.live_arn
      },
      {
        Sid      = "Publish"
        Effect   = "Allow"
        Action   = "events:PutEvents"
        Resource = var.bus.arn
      },
      {
        Sid      = "GiveUp"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.dlq[0].arn
      },
      # For the bus, the DLQ and an Accounts table with the same key.
      {
        Sid      = "UseTheKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
        Resource = local.keys
      },
    ])
  })
}

# The pipe's role needs nothing for it: CloudWatch delivers these logs, under this path by a policy that
# does not grow with each group.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html
resource "aws_cloudwatch_log_group" "pipe" {
  #checkov:skip=CKV_AWS_338:Logs hold ids and counts; 90 days unless the variable says otherwise. The audit is the journals.
  count = local.is_pipe ? 1 : 0

  name              = "/aws/vendedlogs/pipes/${local.name}"
  retention_in_days = coalesce(try(var.function_settings.log_retention_days, null), 90)
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_pipes_pipe" "this" {
  count = local.is_pipe ? 1 : 0

  name          = local.name
  description   = "From the Accounts stream to the bus, through the publisher's transformation."
  role_arn      = aws_iam_role.pipe[0].arn
  desired_state = var.mapping_enabled ? "RUNNING" : "STOPPED"
  source        = var.stream_arn
  enrichment    = module.function.live_arn
  target        = var.bus.arn
  tags          = var.tags

  source_parameters {
    dynamodb_stream_parameters {
      # LATEST would miss changes that are made while the pipe is being created.
      starting_position                  = "TRIM_HORIZON"
      batch_size                         = local.batch_size
      maximum_batching_window_in_seconds = var.batch_window_seconds
      parallelization_factor             = var.parallelization_factor
      on_partial_batch_item_failure      = "AUTOMATIC_BISECT"
      # As for the mapping: at 12 hours the pointers in the DLQ are good for another 12.
      maximum_retry_attempts        = -1
      maximum_record_age_in_seconds = 43200

      dead_letter_config {
        arn = aws_sqs_queue.dlq[0].arn
      }
    }

    dynamic "filter_criteria" {
      for_each = length(local.filters) > 0 ? [local.filters] : []
      content {
        dynamic "filter" {
          for_each = filter_criteria.value
          content {
            pattern = filter.value
          }
        }
      }
    }
  }

  # Errors of its steps, without what they were about (include_execution_data): no payload in a log.
  log_configuration {
    level = "ERROR"

    cloudwatch_logs_log_destination {
      log_group_arn = aws_cloudwatch_log_group.pipe[0].arn
    }
  }

  # Each document that the enrichment returns is an event's detail as it is. A template would have to
  # list the attributes, and an optional one that an event lacks would arrive as an empty text.
  target_parameters {
    eventbridge_event_bus_parameters {
      detail_type = "CustomerStatusChanged"
      source      = var.event_source
      # The time of the change, not of the pipe's execution.
      time = "$.time"
    }
  }

  depends_on = [aws_iam_role_policy.pipe]
}

# What the pipe gives up: pointers into the stream, worthless once the stream has dropped the records.
resource "aws_sqs_queue" "dlq" {
  count = local.is_pipe ? 1 : 0

  name                              = "${local.name}-dlq"
  message_retention_seconds         = 1209600
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = var.tags
}

resource "aws_sqs_queue_policy" "dlq" {
  count = local.is_pipe ? 1 : 0

  queue_url = aws_sqs_queue.dlq[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.dlq[0].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
