data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

# A given key whose policy is not written down in the configuration is read as it is on AWS. KMS has
# no data source for a key's policy; the Cloud Control API has one for every resource.
data "aws_cloudcontrolapi_resource" "given" {
  count = local.is_given && local.is_read ? 1 : 0

  type_name  = "AWS::KMS::Key"
  identifier = var.kms_key.arn
}

locals {
  is_given  = var.kms_key != null
  is_read   = try(var.kms_key.read_policy, false)
  region    = data.aws_region.current.id
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id

  admits_sns    = length(var.topic_arns) > 0
  admits_rules  = length(var.queue_arn_patterns) > 0
  admits_buses  = length(var.event_bus_arns) > 0
  admits_logs   = length(var.log_group_arn_patterns) > 0
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
    [for one in [true] : {
      Sid       = "TopicDeliversToEncryptedQueues"
      Effect    = "Allow"
      Principal = { Service = "sns.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = distinct([for arn in var.topic_arns : split(":", arn)[4]]) }
        ArnEquals    = { "aws:SourceArn" = var.topic_arns }
      }
    } if local.admits_sns],
    # EventBridge sends KMS neither aws:SourceArn nor aws:SourceAccount when it writes to a queue, so a
    # condition on those would refuse every delivery. The encryption context names the queue instead.
    [for one in [true] : {
      Sid       = "RulesDeliverToEncryptedQueues"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:sqs:arn" = var.queue_arn_patterns } }
    } if local.admits_rules],
    [for one in [true] : {
      Sid       = "BusEncryptsItsEvents"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = "*"
      Condition = { ArnEquals = { "kms:EncryptionContext:aws:events:event-bus:arn" = var.event_bus_arns } }
    } if local.admits_buses],
    # EventBridge looks at the key when the bus is made, before there is anything to encrypt.
    [for one in [true] : {
      Sid       = "BusLooksAtItsKey"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "kms:DescribeKey"
      Resource  = "*"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    } if local.admits_buses],
    [for one in [true] : {
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
    } if local.admits_logs],
    [for one in [true] : {
      Sid       = "OtherAccountsEncryptAndDecrypt"
      Effect    = "Allow"
      Principal = { AWS = local.account_roots }
      Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
      Resource  = "*"
    } if length(var.user_account_ids) > 0],
  )

  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })

  # ---------------------------------------------------------------- what a given key admits

  read_policy = try(jsondecode(data.aws_cloudcontrolapi_resource.given[0].properties).KeyPolicy, null)
  given_policy = try(
    coalesce(try(var.kms_key.policy, null), try(tostring(local.read_policy), null), try(jsonencode(local.read_policy), null)),
    "{}",
  )
  given = [
    for statement in try(flatten([jsondecode(local.given_policy).Statement]), []) : {
      services = try(flatten([statement.Principal.Service]), [])
      actions  = [for action in try(flatten([statement.Action]), []) : lower(action)]
      # Condition keys are case-insensitive, whatever the operator they stand under.
      condition_keys = flatten([for operator, tests in try(statement.Condition, {}) : [for key, value in tests : lower(key)]])
      source_arns = flatten([
        for operator, tests in try(statement.Condition, {}) : [
          for key, value in tests : flatten([value]) if lower(key) == "aws:sourcearn"
        ]
      ])
    } if try(statement.Effect, "") == "Allow"
  ]
  encrypting = [
    for statement in local.given : statement
    if length(setintersection(statement.actions, ["*", "kms:*", "kms:decrypt"])) > 0 &&
    length(setintersection(statement.actions, ["*", "kms:*", "kms:generatedatakey", "kms:generatedatakey*"])) > 0
  ]
  for_sns = [for statement in local.encrypting : statement if contains(statement.services, "sns.amazonaws.com")]
  # A source ARN may have wildcards: what it stands for is compared as a regular expression.
  for_these_topics = [
    for statement in local.for_sns : statement
    if length(statement.source_arns) == 0 || alltrue([
      for topic in var.topic_arns : anytrue([
        for arn in statement.source_arns : can(regex("^${replace(replace(arn, "*", ".*"), "?", ".")}$", topic))
      ])
    ])
  ]
  for_events = [for statement in local.encrypting : statement if contains(statement.services, "events.amazonaws.com")]
  for_rules = [
    for statement in local.for_events : statement
    if !contains(statement.condition_keys, "aws:sourcearn") && !contains(statement.condition_keys, "aws:sourceaccount")
    && !contains(statement.condition_keys, "kms:encryptioncontext:aws:events:event-bus:arn")
  ]
  for_buses = [
    for statement in local.for_events : statement
    if !contains(statement.condition_keys, "kms:encryptioncontext:aws:sqs:arn")
  ]
  # Any account's topics and rules could use a key that is open to a whole service.
  open_to_a_service = [
    for statement in concat(local.for_sns, local.for_events) : statement if length(statement.condition_keys) == 0
  ]
}

resource "aws_kms_key" "this" {
  count = local.is_given ? 0 : 1

  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = local.policy
  tags                    = var.tags
}

resource "aws_kms_alias" "this" {
  count = local.is_given ? 0 : 1

  name          = "alias/${var.alias}"
  target_key_id = aws_kms_key.this[0].key_id
}
