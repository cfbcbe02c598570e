data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name         = "${var.prefix}-${var.subscriber.name}-consumer"
  service_name = coalesce(var.service_name, "${replace(var.subscriber.name, "-", "_")}_consumer")
}

module "function" {
  source = "../lambda_function"

  name                     = local.name
  description              = "Applies CustomerStatusChanged events for ${var.subscriber.name}, newest wins."
  handler                  = coalesce(var.handler, "${local.service_name}.lambda_entry.lambda_handler")
  package_path             = var.package_path
  runtime                  = var.runtime
  architecture             = var.architecture
  timeout_seconds          = var.timeout_seconds
  memory_megabytes         = var.memory_megabytes
  reserved_concurrency     = var.reserved_concurrency
  kms_key_arn              = var.subscriber.kms_key_arn
  log_retention_days       = var.log_retention_days
  snap_start               = var.snap_start
  live_version             = var.live_version
  permissions_boundary_arn = var.permissions_boundary_arn
  policy_name              = "keep-${var.subscriber.name}-standing"
  tags                     = var.tags

  environment = merge({
    POWERTOOLS_SERVICE_NAME      = local.service_name
    POWERTOOLS_METRICS_NAMESPACE = "CustomerStatusFanout"
    POWERTOOLS_LOG_LEVEL         = var.log_level
    CONSUMER_NAME                = var.subscriber.name
    QUEUE_URL                    = var.subscriber.queue_url
    DLQ_URL                      = var.subscriber.dlq_url
    TABLE_NAME                   = var.table.name
  }, var.extra_environment)

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
    var.extra_statements,
  )
}

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
}
