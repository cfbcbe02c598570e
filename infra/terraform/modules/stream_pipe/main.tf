data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name           = "${var.prefix}-publisher"
  pipe_arn       = "arn:${data.aws_partition.current.partition}:pipes:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:pipe/${local.name}"
  accounts_table = coalesce(var.accounts_table_name, split("/", var.stream_arn)[1])
  published      = coalesce(var.bus.publish_versions, [2])
  versions       = join(",", local.published)
  # One record becomes one event a version, and EventBridge takes 10 in a call.
  batch_size = coalesce(var.batch_size, floor(10 / length(local.published)))

  # What the publisher would skip anyway, so that nobody pays for it: items that are of another kind in
  # both images. One that starts or ceases to be a customer passes. A change of status can't be told by
  # a filter. A number is compared as DynamoDB writes it.
  entity       = split("=", var.entity_filter)
  entity_types = can(tonumber(local.entity[1])) ? ["S", "N"] : ["S"]
  filters = var.entity_filter == "" ? [] : [
    for pair in setproduct(["NewImage", "OldImage"], local.entity_types) : jsonencode({
      dynamodb = { (pair[0]) = { (local.entity[0]) = { (pair[1]) = [local.entity[1]] } } }
    })
  ]
}

module "failure_store" {
  source = "../failure_store"

  bucket_name = coalesce(
    var.failure_bucket_name,
    "${var.prefix}-failures-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}",
  )
  kms_key_arn               = var.kms_key_arn
  superseded_retention_days = var.failure_version_retention_days
  force_destroy             = var.failure_bucket_force_destroy
  # A pipe gives up into a queue, never into the bucket.
  watch_given_up_batches = false
  tags                   = var.tags
}

# ---------------------------------------------------------------- enrichment

module "function" {
  source = "../lambda_function"

  name                     = local.name
  description              = "Turns stream records of the Accounts table into CustomerStatusChanged events, for a pipe."
  handler                  = "publisher.pipe_entry.lambda_handler"
  package_path             = var.package_path
  runtime                  = var.runtime
  architecture             = var.architecture
  timeout_seconds          = var.timeout_seconds
  memory_megabytes         = var.memory_megabytes
  kms_key_arn              = var.kms_key_arn
  log_retention_days       = var.log_retention_days
  snap_start               = var.snap_start
  live_version             = var.live_version
  permissions_boundary_arn = var.permissions_boundary_arn
  policy_name              = "transform-status-changes"
  tags                     = var.tags

  # An empty value counts as not set.
  environment = {
    POWERTOOLS_SERVICE_NAME      = "publisher"
    DEPLOYMENT                   = var.prefix
    POWERTOOLS_METRICS_NAMESPACE = "CustomerStatusFanout"
    POWERTOOLS_LOG_LEVEL         = var.log_level
    PIPE_BATCH_SIZE              = tostring(local.batch_size)
    FAILURE_BUCKET               = module.failure_store.bucket_name
    EVENT_SOURCE                 = var.event_source
    PUBLISH_VERSIONS             = local.versions
    CUSTOMER_ID_ATTRIBUTE        = var.customer_id_attribute
    STATUS_ATTRIBUTE             = var.status_attribute
    REASON_ATTRIBUTE             = var.reason_attribute
    CHANGED_AT_ATTRIBUTE         = var.changed_at_attribute
    TRACEPARENT_ATTRIBUTE        = var.traceparent_attribute
    SEQUENCE_ATTRIBUTE           = var.sequence_attribute
    SEQUENCE_EPOCH               = tostring(var.sequence_epoch)
    ENTITY_FILTER                = var.entity_filter
    TABLE_STATUS_MAP             = var.table_status_map
  }

  # It reads and publishes nothing itself: the pipe does, with a role of its own.
  statements = [
    {
      Sid      = "KeepFailures"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = "${module.failure_store.bucket_arn}/parked/*"
    },
    {
      Sid      = "UseTheKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = var.kms_key_arn
    },
  ]
}

# ---------------------------------------------------------------- pipe

resource "aws_iam_role" "pipe" {
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
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "pipe" {
  name = "carry-status-changes"
  role = aws_iam_role.pipe.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "ReadTheStream"
          Effect   = "Allow"
          Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
          Resource = var.stream_arn
        },
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
          Resource = aws_sqs_queue.dlq.arn
        },
        # For the bus, the DLQ and an Accounts table with the same key.
        {
          Sid      = "UseTheKey"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
          Resource = distinct(compact([var.kms_key_arn, var.bus_kms_key_arn]))
        },
      ],
      [for key in compact([var.accounts_table_kms_key_arn]) : {
        Sid      = "DecryptTheStream"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey"]
        Resource = key
      }],
    )
  })
}

resource "aws_pipes_pipe" "this" {
  name          = local.name
  description   = "From the Accounts stream to the bus, by way of the publisher's transformation."
  role_arn      = aws_iam_role.pipe.arn
  desired_state = var.pipe_running ? "RUNNING" : "STOPPED"
  source        = var.stream_arn
  enrichment    = module.function.live_arn
  target        = var.bus.arn
  tags          = var.tags

  source_parameters {
    dynamodb_stream_parameters {
      # LATEST would miss what changes while the pipe is being created.
      starting_position                  = "TRIM_HORIZON"
      batch_size                         = local.batch_size
      maximum_batching_window_in_seconds = var.batch_window_seconds
      parallelization_factor             = var.parallelization_factor
      on_partial_batch_item_failure      = "AUTOMATIC_BISECT"
      # An outage waits: attempts have no limit, age has one, at half of the 24 hours after which the
      # stream forgets a record; so the pointers in the DLQ are good for another 12 hours.
      maximum_retry_attempts        = -1
      maximum_record_age_in_seconds = 43200

      dead_letter_config {
        arn = aws_sqs_queue.dlq.arn
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

  # Each document that the enrichment answers is an event's detail as it is. A template would have to
  # list the attributes, and the optional ones that an event lacks would arrive as empty texts.
  target_parameters {
    eventbridge_event_bus_parameters {
      detail_type = "CustomerStatusChanged"
      source      = var.event_source
      # When the change was made, not when the pipe carried it.
      time = "$.time"
    }
  }

  depends_on = [aws_iam_role_policy.pipe]
}

# What the pipe gives up: pointers into the stream, worthless once the stream has forgotten them.
resource "aws_sqs_queue" "dlq" {
  name                              = "${local.name}-dlq"
  message_retention_seconds         = 1209600
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = var.tags
}

resource "aws_sqs_queue_policy" "dlq" {
  queue_url = aws_sqs_queue.dlq.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.dlq.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

# ---------------------------------------------------------------- discovery

resource "aws_ssm_parameter" "publisher" {
  #checkov:skip=CKV2_AWS_34:Names and ARNs; readers would need the key, and there is no secret to keep.
  name        = "/${var.prefix}/publisher"
  description = "The publisher and what it reads from; read by operators' tools."
  type        = "String"
  value = jsonencode({
    function_name         = module.function.name
    mapping_id            = aws_pipes_pipe.this.name
    pipe_arn              = aws_pipes_pipe.this.arn
    accounts_table        = local.accounts_table
    stream_arn            = var.stream_arn
    failure_bucket        = module.failure_store.bucket_name
    source                = var.event_source
    customer_id_attribute = var.customer_id_attribute
    status_attribute      = var.status_attribute
    reason_attribute      = var.reason_attribute
    changed_at_attribute  = var.changed_at_attribute
    traceparent_attribute = var.traceparent_attribute
    entity_filter         = var.entity_filter
    table_status_map      = var.table_status_map
    sequence_attribute    = var.sequence_attribute
    sequence_epoch        = var.sequence_epoch
    publish_versions      = local.versions
  })
  tags = var.tags
}
