data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  is_given  = var.kms_key != null
  region    = data.aws_region.current.id
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id

  account_roots = [for account in var.user_account_ids : "arn:${local.partition}:iam::${account}:root"]

  # In a key policy, Resource "*" means this key and nothing else.
  statements = concat(
    [
      # Leaves access to IAM (the roles of the functions) and keeps the key manageable.
      {
        Sid       = "AccountDecidesThroughIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
    ],
    # Without this SNS cannot write into the encrypted queues, and delivery fails silently.
    [for allowed in [true] : {
      Sid       = "TopicDeliversToEncryptedQueues"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = distinct([for arn in var.topic_arns : split(":", arn)[4]]) }
        ArnEquals    = { "aws:SourceArn" = var.topic_arns }
      }
    } if length(var.topic_arns) > 0],
    # EventBridge sends KMS neither aws:SourceArn nor aws:SourceAccount when it writes to a queue, so a
    # condition on those would refuse every delivery. The encryption context names the queue instead.
    [for allowed in [true] : {
      Sid       = "RulesDeliverToEncryptedQueues"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:sqs:arn" = var.queue_arn_patterns } }
    } if length(var.queue_arn_patterns) > 0],
    [for allowed in [true] : {
      Sid       = "BusEncryptsItsEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnEquals = { "kms:EncryptionContext:aws:events:event-bus:arn" = var.event_bus_arns } }
    } if length(var.event_bus_arns) > 0],
    # EventBridge checks the key when the bus is created, before there is anything to encrypt.
    [for allowed in [true] : {
      Sid       = "BusLooksAtItsKey"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "kms:DescribeKey"
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    } if length(var.event_bus_arns) > 0],
    [for allowed in [true] : {
      Sid       = "LogsOfTheseFunctions"
      Effect    = "Allow"
      Principal = { Service = "logs.${local.region}.amazonaws.com" }
      Action = [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
      ]
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = var.log_group_arn_patterns } }
    } if length(var.log_group_arn_patterns) > 0],
    [for allowed in [true] : {
      Sid       = "OtherAccountsEncryptAndDecrypt"
      Effect    = "Allow"
      Principal = { AWS = local.account_roots }
      Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      Resource  = "*"
    } if length(var.user_account_ids) > 0],
  )
}

resource "aws_kms_key" "this" {
  count = local.is_given ? 0 : 1

  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.statements })
  tags                    = var.tags
}

resource "aws_kms_alias" "this" {
  count = local.is_given ? 0 : 1

  name          = "alias/${var.alias}"
  target_key_id = aws_kms_key.this[0].key_id
}
