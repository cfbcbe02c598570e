data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name           = "${var.prefix}-publisher"
  is_pipe        = var.mode == "pipe"
  is_topic       = var.bus.transport != "eventbridge"
  accounts_table = coalesce(var.accounts_table_name, split("/", var.stream_arn)[1])
  published      = coalesce(var.bus.publish_versions, [2])
  versions       = join(",", local.published)
  # In a pipe, each record becomes one event per version, and EventBridge accepts 10 in a call.
  pipe_batch_size = floor(10 / length(local.published))
  batch_size      = coalesce(var.batch_size, local.is_pipe ? local.pipe_batch_size : 1000)
  # How operators' tools find what reads the stream.
  reader = local.is_pipe ? {
    mapping_id = one(aws_pipes_pipe.this[*].name)
    pipe_arn   = one(aws_pipes_pipe.this[*].arn)
    } : {
    mapping_id = one(aws_lambda_event_source_mapping.stream[*].uuid)
  }
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
  # A pipe sends what it gives up to a queue, never to the bucket.
  notices_queue_name = local.is_pipe ? null : "${var.prefix}-failure-notices"
  tags               = var.tags
}

module "function" {
  source = "../lambda_function"

  name                 = local.name
  description          = "Turns stream records of the Accounts table into CustomerStatusChanged events${local.is_pipe ? ", for a pipe" : ""}."
  handler              = "publisher.${local.is_pipe ? "pipe_entry" : "lambda_entry"}.lambda_handler"
  package              = var.package
  timeout_seconds      = var.timeout_seconds
  reserved_concurrency = var.reserved_concurrency
  kms_key_arn          = var.kms_key_arn
  live_version         = var.live_version
  settings             = var.function_settings
  policy_name          = local.is_pipe ? "transform-status-changes" : "publish-status-changes"
  tags                 = var.tags

  # An empty value counts as not set.
  environment = merge(
    {
      POWERTOOLS_SERVICE_NAME      = "publisher"
      DEPLOYMENT                   = var.prefix
      POWERTOOLS_METRICS_NAMESPACE = "CustomerStatusFanout"
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
    },
    local.is_pipe ? { PIPE_BATCH_SIZE = tostring(local.batch_size) } : { BUS_ARN = var.bus.arn },
  )

  statements = { function = local.publisher_statements, pipe = local.enrichment_statements }[var.mode]
}

locals {
  keys = distinct(compact([var.kms_key_arn, var.bus_kms_key_arn]))

  # What the function, or the pipe, needs in order to read the stream.
  read_the_stream = concat(
    [
      {
        Sid      = "ReadTheStream"
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = var.stream_arn
      },
    ],
    [for key in compact([var.accounts_table_kms_key_arn]) : {
      Sid      = "DecryptTheStream"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey"]
      Resource = key
    }],
  )

  publisher_statements = concat(local.read_the_stream, [
    {
      Sid    = "Publish"
      Effect = "Allow"
      # EventBridge reports success even for a bus that does not exist: the publisher checks at its start.
      Action   = local.is_topic ? ["sns:Publish"] : ["events:DescribeEventBus", "events:PutEvents"]
      Resource = var.bus.arn
    },
    # The publisher writes to parked/; Lambda, with this role, writes the batches that it gives up to
    # aws/lambda/.
    {
      Sid      = "KeepFailures"
      Effect   = "Allow"
      Action   = "s3:PutObject"
      Resource = ["${module.failure_store.bucket_arn}/parked/*", "${module.failure_store.bucket_arn}/aws/lambda/*"]
    },
    {
      Sid      = "LambdaChecksTheFailureStore"
      Effect   = "Allow"
      Action   = "s3:ListBucket"
      Resource = module.failure_store.bucket_arn
    },
    # For the bus, the failure store, the environment and an Accounts table with the same key.
    {
      Sid      = "UseTheKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      Resource = local.keys
    },
  ])

  # In a pipe the function reads and publishes nothing itself: the pipe does, with its own role.
  enrichment_statements = [
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

# No filter: it compares with constants, so it cannot detect that a status changed, and what it drops
# leaves no trace. The publisher decides.
resource "aws_lambda_event_source_mapping" "stream" {
  count = local.is_pipe ? 0 : 1

  function_name    = module.function.live_arn
  event_source_arn = var.stream_arn
  enabled          = var.mapping_enabled
  # LATEST would miss changes that are made while the mapping is being created.
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = local.batch_size
  maximum_batching_window_in_seconds = var.batch_window_seconds
  parallelization_factor             = var.parallelization_factor
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true
  # Records wait during an outage: attempts have no limit, age has one, at half of the 24 hours that
  # the stream keeps a record. An older record goes to the failure store with its whole batch.
  maximum_retry_attempts        = -1
  maximum_record_age_in_seconds = 43200
  tags                          = var.tags

  # S3 gets the records themselves; a queue or topic would only get a pointer into the stream.
  destination_config {
    on_failure {
      destination_arn = module.failure_store.bucket_arn
    }
  }

  metrics_config {
    metrics = ["EventCount"]
  }
}

resource "aws_ssm_parameter" "publisher" {
  #checkov:skip=CKV2_AWS_34:Names and ARNs; readers would need the key, and there is no secret to keep.
  name        = "/${var.prefix}/publisher"
  description = "The publisher and what it reads from; read by operators' tools."
  type        = "String"
  value = jsonencode(merge(local.reader, {
    function_name         = module.function.name
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
  }))
  tags = var.tags
}
