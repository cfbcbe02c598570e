data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

locals {
  name           = "${var.prefix}-publisher"
  is_topic       = var.bus.transport != "eventbridge"
  accounts_table = coalesce(var.accounts_table_name, split("/", var.stream_arn)[1])
  versions       = join(",", coalesce(var.bus.publish_versions, [2]))
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
  tags                      = var.tags
}

module "function" {
  source = "../lambda_function"

  name                     = local.name
  description              = "Turns stream records of the Accounts table into CustomerStatusChanged events."
  handler                  = "publisher.lambda_entry.lambda_handler"
  package_path             = var.package_path
  runtime                  = var.runtime
  architecture             = var.architecture
  timeout_seconds          = var.timeout_seconds
  memory_megabytes         = var.memory_megabytes
  reserved_concurrency     = var.reserved_concurrency
  kms_key_arn              = var.kms_key_arn
  log_retention_days       = var.log_retention_days
  snap_start               = var.snap_start
  live_version             = var.live_version
  permissions_boundary_arn = var.permissions_boundary_arn
  policy_name              = "publish-status-changes"
  tags                     = var.tags

  # An empty value counts as not set.
  environment = {
    POWERTOOLS_SERVICE_NAME      = "publisher"
    DEPLOYMENT                   = var.prefix
    POWERTOOLS_METRICS_NAMESPACE = "CustomerStatusFanout"
    POWERTOOLS_LOG_LEVEL         = var.log_level
    BUS_ARN                      = var.bus.arn
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

  statements = concat(
    [
      {
        Sid      = "ReadTheStream"
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = var.stream_arn
      },
      {
        Sid    = "Publish"
        Effect = "Allow"
        # EventBridge answers success for a bus that does not exist: the publisher looks at its start.
        Action   = local.is_topic ? ["sns:Publish"] : ["events:DescribeEventBus", "events:PutEvents"]
        Resource = var.bus.arn
      },
      # parked/ is the publisher's; aws/lambda/ is where Lambda puts, with this role, the batches that
      # it gives up.
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
}

# No filter: it compares with constants, so it cannot tell that a status changed, and whatever it drops
# is gone without a trace. The publisher decides.
resource "aws_lambda_event_source_mapping" "stream" {
  function_name    = module.function.live_arn
  event_source_arn = var.stream_arn
  enabled          = var.mapping_enabled
  # LATEST would miss what changes while the mapping is being created.
  starting_position                  = "TRIM_HORIZON"
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batch_window_seconds
  parallelization_factor             = var.parallelization_factor
  function_response_types            = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error     = true
  # An outage waits: attempts have no limit, age has one, at half of the 24 hours after which the
  # stream forgets a record. What is older goes to the failure store with its whole batch.
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
  value = jsonencode({
    function_name         = module.function.name
    mapping_id            = aws_lambda_event_source_mapping.stream.uuid
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
