data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # IAM is global: without the region a second deployment elsewhere would find the name taken. It
  # takes 64 characters, so a longer name is cut and gets a hash.
  whole_name = "${var.name}-${data.aws_region.current.id}"
  role_name = length(local.whole_name) <= 64 ? local.whole_name : join("-", [
    substr(local.whole_name, 0, 55), substr(sha256(local.whole_name), 0, 8),
  ])
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs hold ids and counts; 90 days unless the variable says otherwise. The audit is the journals.
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name = local.role_name
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" },
    ]
  })
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name = var.policy_name
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(var.statements, [
      {
        Sid      = "WriteItsOwnLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.this.arn}:*"
      },
      # X-Ray has no resources to name: AWS accepts "*" only.
      {
        Sid      = "SendTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      },
    ])
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:The mapping's destination, or the queue's DLQ, gets what fails; this is for asynchronous calls.
  #checkov:skip=CKV_AWS_117:It talks to AWS alone, by TLS; a VPC would add endpoints and nothing to keep in.
  #checkov:skip=CKV_AWS_272:Packages are reproducible, and the plan shows their hash; signing is the account's to add.
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  handler                        = var.handler
  runtime                        = var.runtime
  architectures                  = [var.architecture]
  filename                       = var.package_path
  source_code_hash               = filebase64sha256(var.package_path)
  timeout                        = var.timeout_seconds
  memory_size                    = var.memory_megabytes
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  # Every change of code or settings becomes a version of its own, which `live` can go back to.
  publish = true
  tags    = var.tags

  environment {
    variables = var.environment
  }

  logging_config {
    log_format = "Text" # the functions write JSON themselves
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "snap_start" {
    for_each = var.snap_start ? [true] : []
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
