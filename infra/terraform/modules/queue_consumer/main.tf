data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name         = "${var.prefix}-${var.subscriber.name}-consumer"
  service_name = coalesce(var.service_name, "${replace(var.subscriber.name, "-", "_")}_consumer")

  parked_groups_table = one(aws_dynamodb_table.parked_groups[*].name)
}

module "function" {
  source = "../lambda_function"

  name                 = local.name
  description          = "Applies CustomerStatusChanged events for ${var.subscriber.name}, newest wins."
  handler              = coalesce(var.handler, "${local.service_name}.lambda_entry.lambda_handler")
  package              = var.package
  timeout_seconds      = var.timeout_seconds
  reserved_concurrency = var.reserved_concurrency
  kms_key_arn          = var.subscriber.kms_key_arn
  live_version         = var.live_version
  settings             = var.function_settings
  policy_name          = "keep-${var.subscriber.name}-standing"
  tags                 = var.tags

  environment = local.environment
  statements  = local.statements
}

locals {
  environment = merge({
    POWERTOOLS_SERVICE_NAME      = local.service_name
    DEPLOYMENT                   = var.prefix
    POWERTOOLS_METRICS_NAMESPACE = "CustomerStatusFanout"
    CONSUMER_NAME                = var.subscriber.name
    QUEUE_URL                    = var.subscriber.queue_url
    DLQ_URL                      = var.subscriber.dlq_url
    MAX_RECEIVE_COUNT            = var.subscriber.max_receive_count
    TABLE_NAME                   = var.table.name
    WRITE_IN_BATCHES             = tostring(var.write_in_batches)
    }, var.park_by_customer ? {
    PARK_BY_CUSTOMER    = "true"
    PARKED_GROUPS_TABLE = local.parked_groups_table
  } : {}, var.extra_environment)

  statements = concat(
    [
      {
        Sid      = "ReceiveEvents"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Resource = var.subscriber.queue_arn
      },
      {
        Sid      = "ParkPoison"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = var.subscriber.dlq_arn
      },
      {
        Sid      = "WriteStandings"
        Effect   = "Allow"
        Action   = "dynamodb:UpdateItem"
        Resource = var.table.arn
      },
      # For the queues and the environment.
      {
        Sid      = "UseTheKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = var.subscriber.kms_key_arn
      },
      # DynamoDB encrypts and decrypts a table's key in the name of whoever writes.
      {
        Sid    = "UseTheKeyThroughTheTable"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:DescribeKey",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:ReEncryptFrom",
          "kms:ReEncryptTo",
        ]
        Resource = coalesce(var.table.kms_key_arn, var.subscriber.kms_key_arn)
        Condition = {
          StringEquals = { "kms:ViaService" = "dynamodb.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}" }
        }
      },
    ],
    var.write_in_batches ? [{
      Sid      = "WriteStandingsInBatches"
      Effect   = "Allow"
      Action   = ["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"]
      Resource = var.table.arn
    }] : [],
    [for table in aws_dynamodb_table.parked_groups : {
      Sid      = "KeepNotesOfWhatIsParked"
      Effect   = "Allow"
      Action   = ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = table.arn
    }],
    # The notes have the queue's key, whatever the subscriber's own table has.
    [for table in aws_dynamodb_table.parked_groups : {
      Sid    = "UseTheKeyThroughTheNotes"
      Effect = "Allow"
      Action = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
      ]
      Resource = var.subscriber.kms_key_arn
      Condition = {
        StringEquals = { "kms:ViaService" = "dynamodb.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}" }
      }
    } if var.table.kms_key_arn != null],
    var.extra_statements,
  )
}

# ---------------------------------------------------------------- park by customer

# One small item for each message that is parked; nothing of an event but its message id.
resource "aws_dynamodb_table" "parked_groups" {
  count = var.park_by_customer ? 1 : 0

  name                        = "${var.prefix}-${var.subscriber.name}-parked-groups"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "message_group"
  range_key                   = "place"
  deletion_protection_enabled = var.parked_groups_deletion_protection
  tags                        = var.tags

  attribute {
    name = "message_group"
    type = "S"
  }

  attribute {
    name = "place"
    type = "S"
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.subscriber.kms_key_arn
  }

  point_in_time_recovery {
    enabled = true
  }
}

# ---------------------------------------------------------------- mapping

resource "aws_lambda_event_source_mapping" "queue" {
  function_name                      = module.function.live_arn
  event_source_arn                   = var.subscriber.queue_arn
  enabled                            = var.mapping_enabled
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batch_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = var.tags

  # The mapping itself stops at this number, so that no message is received only to be throttled.
  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }

  metrics_config {
    metrics = ["EventCount"]
  }
}
