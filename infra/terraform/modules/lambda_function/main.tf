data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # IAM is global: without the region a second deployment elsewhere would find the name taken. It
  # takes 64 characters, so a longer name is cut and gets a hash.
  whole_name = "${var.name}-${data.aws_region.current.id}"
  role_name = length(local.whole_name) <= 64 ? local.whole_name : join("-", [
    substr(local.whole_name, 0, 55), substr(sha256(local.whole_name), 0, 8),
  ])

  function_arn = "arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:function:${var.name}"
  vpc_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs hold ids and counts; 90 days unless the variable says otherwise. The audit is the journals.
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.settings.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name = local.role_name
  path = var.settings.role_path
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" },
    ]
  })
  permissions_boundary = var.settings.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name = var.policy_name
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      var.statements,
      [{
        Sid      = "WriteItsOwnLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      }],
      # X-Ray has no resources to name: AWS accepts "*" only.
      [for _ in range(var.settings.tracing ? 1 : 0) : {
        Sid      = "SendTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      }],
      # Lambda makes the network interfaces with this role; the code itself may not (the second
      # statement). Most of these calls name no resource.
      [for _ in range(var.settings.vpc == null ? 0 : 1) : {
        Sid      = "LambdaAttachesToTheVpc"
        Effect   = "Allow"
        Action   = local.vpc_actions
        Resource = "*"
      }],
      [for _ in range(var.settings.vpc == null ? 0 : 1) : {
        Sid       = "TheCodeDoesNot"
        Effect    = "Deny"
        Action    = local.vpc_actions
        Resource  = "*"
        Condition = { ArnEquals = { "lambda:SourceFunctionArn" = local.function_arn } }
      }],
    )
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:The mapping's destination, or the queue's DLQ, gets what fails; this is for asynchronous calls.
  #checkov:skip=CKV_AWS_117:It talks to AWS alone, by TLS; a VPC is the account's to ask for (settings.vpc).
  #checkov:skip=CKV_AWS_272:Packages are reproducible, and the plan shows their hash; signing is the account's to ask for.
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  handler                        = var.handler
  runtime                        = var.settings.runtime
  architectures                  = [var.settings.architecture]
  filename                       = var.package.path
  source_code_hash               = var.package.path == null ? null : filebase64sha256(var.package.path)
  s3_bucket                      = var.package.s3_bucket
  s3_key                         = var.package.s3_key
  s3_object_version              = var.package.s3_object_version
  layers                         = var.settings.layer_arns
  code_signing_config_arn        = var.settings.code_signing_config_arn
  timeout                        = var.timeout_seconds
  memory_size                    = var.settings.memory_megabytes
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  # Every change of code or settings becomes a version of its own, which `live` can go back to.
  publish = true
  tags    = var.tags

  environment {
    variables = merge(
      { POWERTOOLS_LOG_LEVEL = var.settings.log_level },
      var.settings.exec_wrapper == null ? {} : { AWS_LAMBDA_EXEC_WRAPPER = var.settings.exec_wrapper },
      var.environment,
    )
  }

  logging_config {
    log_format = var.settings.log_format
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = var.settings.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.settings.vpc[*]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  dynamic "snap_start" {
    for_each = var.settings.snap_start ? [true] : []
    content {
      apply_on = "PublishedVersions"
    }
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What runs; pinned to an older version it is a rollback."
  function_name    = aws_lambda_function.this.function_name
  function_version = coalesce(var.live_version, aws_lambda_function.this.version)
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  count = var.settings.provisioned_concurrency > 0 ? 1 : 0

  function_name                     = aws_lambda_function.this.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = var.settings.provisioned_concurrency
}
