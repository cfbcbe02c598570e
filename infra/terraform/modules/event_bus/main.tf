data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id
  account   = data.aws_caller_identity.current.account_id

  is_topic       = var.transport != "eventbridge"
  is_fifo        = var.transport == "sns-fifo"
  base_name      = coalesce(var.name, "${var.prefix}-customer-status")
  name           = local.is_fifo ? "${local.base_name}.fifo" : local.base_name
  topic_arn      = "arn:${local.partition}:sns:${local.region}:${local.account}:${local.name}"
  bus_arn        = "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/${local.name}"
  arn            = local.is_topic ? one(aws_sns_topic.this[*].arn) : one(aws_cloudwatch_event_bus.this[*].arn)
  is_shared      = length(var.subscriber_account_ids) > 0
  discovery_name = "/${var.prefix}/bus"
}

# One key for the bus and, unless they bring their own, for the queues, logs and failures behind it.
module "key" {
  source = "../encryption_key"

  kms_key              = var.kms_key
  alias                = var.prefix
  description          = "Customer status fan-out (${var.prefix}): bus, queues, tables, failure store, logs"
  deletion_window_days = var.key_deletion_window_days
  topic_arns           = local.is_topic ? [local.topic_arn] : []
  event_bus_arns       = local.is_topic ? [] : [local.bus_arn]
  # Rules may deliver into this prefix's queues from the start, whatever the transport.
  queue_arn_patterns = [
    "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.prefix}-*"
  ]
  # Functions, and the pipe that may write to an EventBridge bus.
  log_group_arn_patterns = [for folder in local.is_topic ? ["lambda"] : ["lambda", "vendedlogs/pipes"] :
    "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/${folder}/${var.prefix}-*"
  ]
  tags = var.tags
}

# ---------------------------------------------------------------- SNS

resource "aws_sns_topic" "this" {
  count = local.is_topic ? 1 : 0

  name              = local.name
  display_name      = "CustomerStatusChanged"
  kms_master_key_id = module.key.arn
  # SNS passes the publisher's trace on in either mode; Active adds its own segments. FIFO topics can
  # since June 2023 (AWS, What's New), though the API reference still says standard topics only.
  tracing_config = var.tracing ? "Active" : "PassThrough"
  tags           = var.tags

  fifo_topic = local.is_fifo
  # Every event names itself; a hash of its content would take a repaired event for a repeated one.
  content_based_deduplication = local.is_fifo ? false : null
  # Per customer's group, instead of one limit for all of them.
  fifo_throughput_scope = local.is_fifo ? "MessageGroup" : null
  # SNS switches an archive off by {}, and refuses the empty text that the provider sends for null.
  archive_policy = (
    !local.is_fifo || var.archive_retention_days == null ? null :
    var.archive_retention_days == 0 ? "{}" :
    jsonencode({ MessageRetentionPeriod = tostring(var.archive_retention_days) })
  )
}

resource "aws_sns_topic_policy" "this" {
  count = local.is_topic ? 1 : 0

  arn = aws_sns_topic.this[0].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid       = "OnlyEncryptedTransport"
          Effect    = "Deny"
          Principal = "*"
          Action    = "sns:Publish"
          Resource  = aws_sns_topic.this[0].arn
          Condition = { Bool = { "aws:SecureTransport" = "false" } }
        },
      ],
      # One statement for each account, as each may only subscribe queues of its own.
      [for account in var.subscriber_account_ids : {
        Sid       = "QueuesOf${account}Subscribe"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${account}:root" }
        Action    = "sns:Subscribe"
        Resource  = aws_sns_topic.this[0].arn
        Condition = {
          StringEquals = { "sns:Protocol" = "sqs" }
          StringLike   = { "sns:Endpoint" = "arn:${local.partition}:sqs:${local.region}:${account}:*" }
        }
      }],
    )
  })
}

# Without it SNS's segments are refused, and nothing says so. X-Ray has no resources to name.
# https://docs.aws.amazon.com/sns/latest/dg/sns-active-tracing.html#sns-active-tracing-permissions
resource "aws_xray_resource_policy" "topic" {
  count = local.is_topic && var.tracing ? 1 : 0

  policy_name = "${var.prefix}-topic-traces"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TopicSendsTraces"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTraceSegments"]
        Resource  = "*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnEquals    = { "aws:SourceArn" = local.topic_arn }
        }
      },
    ]
  })
}

# ---------------------------------------------------------------- EventBridge

resource "aws_cloudwatch_event_bus" "this" {
  count = local.is_topic ? 0 : 1

  name               = local.name
  description        = "CustomerStatusChanged"
  kms_key_identifier = module.key.arn
  tags               = var.tags

  dead_letter_config {
    arn = aws_sqs_queue.undecipherable[0].arn
  }
}

# What the bus can't encrypt or decrypt goes here; with the key at fault, this queue can't use it.
resource "aws_sqs_queue" "undecipherable" {
  count = local.is_topic ? 0 : 1

  name                      = "${local.name}-bus-dlq"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "undecipherable" {
  count = local.is_topic ? 0 : 1

  queue_url = aws_sqs_queue.undecipherable[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "BusPutsWhatItCannotDecipher"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.undecipherable[0].arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_bus.this[0].arn } }
      },
      {
        Sid       = "OnlyEncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.undecipherable[0].arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_cloudwatch_event_archive" "this" {
  count = !local.is_topic && var.archive_retention_days != null ? 1 : 0

  name             = local.name
  description      = "CustomerStatusChanged, to be replayed to chosen rules."
  event_source_arn = aws_cloudwatch_event_bus.this[0].arn
  retention_days   = var.archive_retention_days
  event_pattern    = jsonencode({ "detail-type" = ["CustomerStatusChanged"] })
}

# A rule on this bus belongs to the account that makes it, and only that account may touch it.
resource "aws_cloudwatch_event_bus_policy" "this" {
  count = !local.is_topic && local.is_shared ? 1 : 0

  event_bus_name = aws_cloudwatch_event_bus.this[0].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "SubscribersKeepTheirOwnRules"
        Effect    = "Allow"
        Principal = { AWS = [for account in var.subscriber_account_ids : "arn:${local.partition}:iam::${account}:root"] }
        Action = [
          "events:DeleteRule",
          "events:DescribeRule",
          "events:ListTagsForResource",
          "events:ListTargetsByRule",
          "events:PutRule",
          "events:PutTargets",
          "events:RemoveTargets",
          "events:TagResource",
          "events:UntagResource",
        ]
        Resource  = "arn:${local.partition}:events:${local.region}:${local.account}:rule/${local.name}/*"
        Condition = { StringEqualsIfExists = { "events:creatorAccount" = "$${aws:PrincipalAccount}" } }
      },
    ]
  })
}

# ---------------------------------------------------------------- discovery

resource "aws_ssm_parameter" "bus" {
  #checkov:skip=CKV2_AWS_34:Names and ARNs; readers would need the key, and there is no secret to keep.
  name        = local.discovery_name
  description = "Where events are published; read by operators' tools and new subscribers."
  type        = "String"
  # Only parameters of the advanced tier can be shared with other accounts.
  tier = local.is_shared ? "Advanced" : "Standard"
  value = jsonencode({
    transport        = var.transport
    arn              = local.arn
    kms_key_arn      = module.key.arn
    publish_versions = join(",", var.publish_versions)
  })
  tags = var.tags
}

resource "aws_ram_resource_share" "discovery" {
  count = local.is_shared ? 1 : 0

  name                      = "${var.prefix}-discovery"
  allow_external_principals = var.share_outside_organization
  tags                      = var.tags
}

resource "aws_ram_resource_association" "bus" {
  count = local.is_shared ? 1 : 0

  resource_share_arn = aws_ram_resource_share.discovery[0].arn
  resource_arn       = aws_ssm_parameter.bus.arn
}

resource "aws_ram_principal_association" "subscriber" {
  for_each = toset(var.subscriber_account_ids)

  resource_share_arn = aws_ram_resource_share.discovery[0].arn
  principal          = each.value
}
