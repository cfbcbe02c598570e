data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  account   = data.aws_caller_identity.current.account_id

  base_name = "${var.prefix}-${var.name}"
  suffix    = local.is_fifo_queue ? ".fifo" : ""
  # By name where the resources refer to each other in a circle.
  queue_name = "${local.base_name}${local.suffix}"
  dlq_name   = "${local.base_name}-dlq${local.suffix}"
  queue_arn  = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.queue_name}"
  dlq_arn    = "arn:${local.partition}:sqs:${local.region}:${local.account}:${local.dlq_name}"

  is_topic = var.bus.transport != "eventbridge"
  # Both queues follow the topic: a FIFO topic's subscriptions have FIFO DLQs, so their queues are FIFO.
  is_fifo_queue = var.bus.transport == "sns-fifo"

  # A bus of another account is known by its ARN only.
  event_bus = split(":", var.bus.arn)[4] == local.account ? reverse(split("/", var.bus.arn))[0] : var.bus.arn

  visibility_timeout_seconds = coalesce(
    var.visibility_timeout_seconds,
    6 * var.consumer_timeout_seconds + var.consumer_batch_window_seconds,
  )
}

module "key" {
  source = "../encryption_key"

  kms_key              = var.kms_key
  alias                = local.base_name
  description          = "Customer status fan-out, subscriber ${var.name} (${var.prefix}): queue, DLQ, logs"
  deletion_window_days = var.key_deletion_window_days
  topic_arns           = local.is_topic ? [var.bus.arn] : []
  queue_arn_patterns   = local.is_topic ? [] : [local.queue_arn, local.dlq_arn]
  log_group_arn_patterns = [
    "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${local.base_name}-*"
  ]
  tags = var.tags
}

# ---------------------------------------------------------------- queue and DLQ

resource "aws_sqs_queue" "this" {
  name                              = local.queue_name
  visibility_timeout_seconds        = local.visibility_timeout_seconds
  message_retention_seconds         = var.queue_retention_seconds
  kms_master_key_id                 = module.key.arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = var.tags

  fifo_queue            = local.is_fifo_queue
  deduplication_scope   = local.is_fifo_queue ? "messageGroup" : null
  fifo_throughput_limit = local.is_fifo_queue ? "perMessageGroupId" : null

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dlq.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue" "dlq" {
  name                              = local.dlq_name
  message_retention_seconds         = var.dlq_retention_seconds
  kms_master_key_id                 = module.key.arn
  kms_data_key_reuse_period_seconds = 300
  tags                              = var.tags

  fifo_queue            = local.is_fifo_queue
  deduplication_scope   = local.is_fifo_queue ? "messageGroup" : null
  fifo_throughput_limit = local.is_fifo_queue ? "perMessageGroupId" : null

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [local.queue_arn]
  })
}

locals {
  # What delivers, as AWS names the source of a message.
  deliverer = local.is_topic ? "sns.amazonaws.com" : "events.amazonaws.com"
  source    = local.is_topic ? var.bus.arn : one(aws_cloudwatch_event_rule.this[*].arn)
}

resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "BusDelivers"
        Effect    = "Allow"
        Principal = { Service = local.deliverer }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.source } }
      },
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sqs_queue_policy" "dlq" {
  queue_url = aws_sqs_queue.dlq.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # The subscription's, or the target's, own dead letters; without this they are dropped silently.
      {
        Sid       = "BusDeliversWhatTheQueueRefused"
        Effect    = "Allow"
        Principal = { Service = local.deliverer }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dlq.arn
        Condition = { ArnEquals = { "aws:SourceArn" = local.source } }
      },
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

# ---------------------------------------------------------------- subscription, or rule and target

resource "aws_sns_topic_subscription" "this" {
  count = local.is_topic ? 1 : 0

  topic_arn            = var.bus.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = true
  filter_policy_scope  = local.filter_policy == null ? null : "MessageAttributes"
  filter_policy        = local.filter_policy
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dlq.arn })

  # Both policies first: a delivery that is refused is not tried again.
  depends_on = [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dlq]
}

resource "aws_cloudwatch_event_rule" "this" {
  count = local.is_topic ? 0 : 1

  name           = local.base_name
  event_bus_name = local.event_bus
  description    = "What ${var.name} is told of CustomerStatusChanged."
  event_pattern  = local.event_pattern
  tags           = var.tags

  lifecycle {
    precondition {
      condition     = length(local.event_pattern) <= 2048
      error_message = "The filter renders to ${length(local.event_pattern)} characters, and EventBridge refuses patterns of more than 2048: name statuses instead of single transitions, or \"*\" on one side."
    }
  }
}

resource "aws_cloudwatch_event_target" "queue" {
  count = local.is_topic ? 0 : 1

  rule           = aws_cloudwatch_event_rule.this[0].name
  event_bus_name = local.event_bus
  target_id      = "queue"
  arn            = aws_sqs_queue.this.arn
  # The event alone, the same document that every other transport carries.
  input_path = "$.detail"

  dead_letter_config {
    arn = aws_sqs_queue.dlq.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  depends_on = [aws_sqs_queue_policy.this, aws_sqs_queue_policy.dlq]
}

# ---------------------------------------------------------------- discovery

resource "aws_ssm_parameter" "subscriber" {
  #checkov:skip=CKV2_AWS_34:Names and ARNs; readers would need the key, and there is no secret to keep.
  name        = "/${var.prefix}/subscribers/${var.name}"
  description = "The subscriber ${var.name}; read by operators' tools."
  type        = "String"
  value = jsonencode({
    name          = var.name
    queue_url     = aws_sqs_queue.this.id
    queue_arn     = aws_sqs_queue.this.arn
    dlq_url       = aws_sqs_queue.dlq.id
    dlq_arn       = aws_sqs_queue.dlq.arn
    function_name = var.consumer.function_name
    mapping_id    = var.consumer.mapping_id
    table         = var.consumer.table
    # Empty where a customer's events do not wait behind a parked one.
    parked_groups_table = var.consumer.parked_groups_table == null ? "" : var.consumer.parked_groups_table
    filter              = try(jsondecode(local.is_topic ? local.filter_policy : local.event_pattern), null)
    versions            = join(",", var.schema_versions)
    since               = var.since
  })
  tags = var.tags
}
