data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  name      = "${var.prefix}-sentinel"
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  here      = "${data.aws_region.current.id}:${local.account}"
  functions = "arn:${local.partition}:lambda:${local.here}:function:${var.prefix}-*"
  role_path = try(var.function_settings.role_path, "/")
  bus_name  = element(split("/", var.bus.arn), -1)

  # Settings only: nothing of what the queues, the bus and the bucket hold.
  looks = [
    {
      Sid      = "LookAtQueues"
      Effect   = "Allow"
      Action   = "sqs:GetQueueAttributes"
      Resource = "arn:${local.partition}:sqs:${local.here}:${var.prefix}-*"
    },
    {
      Sid      = "LookAtFunctions"
      Effect   = "Allow"
      Action   = "lambda:GetFunctionConfiguration"
      Resource = local.functions
    },
    {
      Sid       = "LookAtMappings"
      Effect    = "Allow"
      Action    = "lambda:GetEventSourceMapping"
      Resource  = "arn:${local.partition}:lambda:${local.here}:event-source-mapping:*"
      Condition = { ArnLike = { "lambda:FunctionArn" = local.functions } }
    },
    {
      Sid      = "LookAtTheFailureStore"
      Effect   = "Allow"
      Action   = ["s3:GetBucketVersioning", "s3:GetEncryptionConfiguration"]
      Resource = "arn:${local.partition}:s3:::${var.failure_bucket}"
    },
    {
      Sid      = "LookAtAlarms"
      Effect   = "Allow"
      Action   = "cloudwatch:DescribeAlarms"
      Resource = "arn:${local.partition}:cloudwatch:${local.here}:alarm:*"
    },
    {
      Sid      = "LookAtRoles"
      Effect   = "Allow"
      Action   = "iam:SimulatePrincipalPolicy"
      Resource = "arn:${local.partition}:iam::${local.account}:role${local.role_path}${var.prefix}-*"
    },
  ]
  # SNS and EventBridge have no resource to name for the second of each.
  looks_at_bus = var.bus.transport == "eventbridge" ? [
    {
      Sid      = "LookAtRules"
      Effect   = "Allow"
      Action   = ["events:DescribeRule", "events:ListTargetsByRule"]
      Resource = "arn:${local.partition}:events:${local.here}:rule/${local.bus_name}/*"
    },
    {
      Sid      = "FindRules"
      Effect   = "Allow"
      Action   = ["events:ListRuleNamesByTarget"]
      Resource = "*"
    },
    ] : [
    {
      Sid      = "LookAtTheTopic"
      Effect   = "Allow"
      Action   = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"]
      Resource = var.bus.arn
    },
    {
      Sid      = "LookAtSubscriptions"
      Effect   = "Allow"
      Action   = ["sns:GetSubscriptionAttributes"]
      Resource = "*"
    },
  ]
  looks_at_pipe = [for name in var.pipe_name[*] : {
    Sid      = "LookAtThePipe"
    Effect   = "Allow"
    Action   = "pipes:DescribePipe"
    Resource = "arn:${local.partition}:pipes:${local.here}:pipe/${name}"
  }]
}

module "function" {
  source = "../lambda_function"

  name            = local.name
  description     = "Checks the deployment and compares Accounts with the subscribers' tables."
  handler         = "sentinel.lambda_entry.lambda_handler"
  package         = var.package
  timeout_seconds = 840 # less than the 900 between two runs that compare
  kms_key_arn     = var.kms_key_arn
  settings        = var.function_settings
  policy_name     = "look-after-the-deployment"
  tags            = var.tags

  environment = {
    POWERTOOLS_SERVICE_NAME      = "sentinel"
    DEPLOYMENT                   = var.prefix
    POWERTOOLS_METRICS_NAMESPACE = "CustomerStatusFanout"
    COMPARE_HOURS                = var.compare_hours
    READ_UNITS                   = var.read_units
  }

  statements = concat(
    [
      {
        Sid      = "FindTheDeployment"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter", "ssm:GetParametersByPath"]
        Resource = "arn:${local.partition}:ssm:${local.here}:parameter/${var.prefix}/*"
      },
      # Subscribers' tables have the deployment's prefix, whoever deploys them.
      {
        Sid      = "ReadBothTables"
        Effect   = "Allow"
        Action   = ["dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Query", "dynamodb:Scan"]
        Resource = [var.accounts_table.arn, "arn:${local.partition}:dynamodb:${local.here}:table/${var.prefix}-*"]
      },
      # For the environment and for tables with this key.
      {
        Sid      = "UseTheKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey"]
        Resource = var.kms_key_arn
      },
    ],
    [for arn in var.accounts_table.kms_key_arn[*] : {
      Sid      = "DecryptTheTable"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey"]
      Resource = arn
    }],
    local.looks,
    local.looks_at_bus,
    local.looks_at_pipe,
  )
}

resource "aws_cloudwatch_event_rule" "schedule" {
  name                = local.name
  description         = "Starts the sentinel; each third time it compares another slice of the customers."
  schedule_expression = "cron(0/5 * * * ? *)"
  state               = "ENABLED"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "schedule" {
  rule      = aws_cloudwatch_event_rule.schedule.name
  target_id = "sentinel"
  arn       = module.function.live_arn
}

resource "aws_lambda_permission" "schedule" {
  function_name = module.function.name
  qualifier     = "live"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.schedule.arn
}
