mock_provider "aws" {
  source = "../../mocks"
}

variables {
  name            = "fanout-publisher"
  description     = "test"
  handler         = "publisher.lambda_entry.lambda_handler"
  timeout_seconds = 60
  policy_name     = "test"
  statements      = [{ Sid = "Publish", Effect = "Allow", Action = "sns:Publish", Resource = "arn:aws:sns:eu-west-1:111122223333:fanout-customer-status" }]
  # Any file will do for a package here.
  package = { path = "./versions.tf" }
}

run "every_change_becomes_a_version_and_live_follows_the_newest" {
  command = apply

  assert {
    condition     = aws_lambda_function.this.publish
    error_message = "Versions are published."
  }
  assert {
    condition     = output.live_version == "3"
    error_message = "The alias follows."
  }
  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("./versions.tf")
    error_message = "Another package is another version."
  }
}

run "a_rollback_pins_live_to_an_older_version" {
  command = apply

  variables {
    live_version = "2"
  }

  assert {
    condition     = output.live_version == "2" && output.newest_version == "3"
    error_message = "The older version runs."
  }
}

run "a_rollback_to_latest_is_refused" {
  command = plan

  variables {
    live_version = "$LATEST"
  }

  expect_failures = [var.live_version]
}

run "it_is_traced_encrypted_and_on_arm_with_python_3_13_by_default" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "Traced."
  }
  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "Encrypted."
  }
  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.runtime == "python3.13"
    error_message = "Defaults."
  }
  assert {
    condition     = length(aws_lambda_function.this.snap_start) == 0
    error_message = "No SnapStart unless asked for."
  }
}

run "snap_start_covers_published_versions" {
  command = plan

  variables {
    settings = { snap_start = true }
  }

  assert {
    condition     = aws_lambda_function.this.snap_start[0].apply_on == "PublishedVersions"
    error_message = "SnapStart is on."
  }
}

run "its_role_names_what_it_touches_but_for_traces" {
  command = apply

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Sid if contains(flatten([s.Resource]), "*")] == ["SendTraces"]
    error_message = "Only X-Ray takes no resource."
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : alltrue([for a in flatten([s.Action]) : !strcontains(a, "*")])])
    error_message = "No wildcard action."
  }
}

run "a_timeout_beyond_15_minutes_is_refused" {
  command = plan

  variables {
    timeout_seconds = 901
  }

  expect_failures = [var.timeout_seconds]
}

run "a_concurrency_of_none_is_refused" {
  command = plan

  variables {
    reserved_concurrency = 0
  }

  expect_failures = [var.reserved_concurrency]
}

run "a_name_that_lambda_refuses_is_refused" {
  command = plan

  variables {
    name = "a b"
  }

  expect_failures = [var.name]
}

run "a_role_takes_the_name_of_its_function_and_region" {
  command = plan

  assert {
    condition     = aws_iam_role.this.name == "fanout-publisher-eu-west-1"
    error_message = "A deployed role keeps its name."
  }
}

run "a_role_whose_name_would_be_too_long_is_told_apart_by_a_hash" {
  command = plan

  variables {
    name = "pppppppppppppppppppp-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-consumer"
  }

  assert {
    condition     = length(aws_iam_role.this.name) == 64 && startswith(aws_iam_role.this.name, "pppppppppppppppppppp-zzz")
    error_message = "IAM takes 64 characters."
  }
}

run "a_package_from_s3_is_taken_at_its_version" {
  command = plan

  variables {
    package = { s3_bucket = "artifacts", s3_key = "publisher-1.0.0.zip", s3_object_version = "v7" }
  }

  assert {
    condition     = aws_lambda_function.this.s3_bucket == "artifacts" && aws_lambda_function.this.s3_key == "publisher-1.0.0.zip" && aws_lambda_function.this.s3_object_version == "v7" && aws_lambda_function.this.filename == null
    error_message = "From S3 alone."
  }
}

run "what_a_platform_asks_of_every_function_is_passed_on" {
  command = apply

  variables {
    settings = {
      log_format               = "JSON"
      log_level                = "WARNING"
      tracing                  = false
      provisioned_concurrency  = 2
      vpc                      = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
      layer_arns               = ["arn:aws:lambda:eu-west-1:111122223333:layer:agent:3"]
      exec_wrapper             = "/opt/otel-instrument"
      code_signing_config_arn  = "arn:aws:lambda:eu-west-1:111122223333:code-signing-config:csc-0123456789abcdef0"
      permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
      role_path                = "/fanout/"
    }
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.environment[0].variables.POWERTOOLS_LOG_LEVEL == "WARNING"
    error_message = "Logs."
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables.AWS_LAMBDA_EXEC_WRAPPER == "/opt/otel-instrument"
    error_message = "Started by the layer's script."
  }
  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "PassThrough" && !strcontains(aws_iam_role_policy.this.policy, "xray:")
    error_message = "No traces, and no permission to send them."
  }
  assert {
    condition     = aws_lambda_provisioned_concurrency_config.live[0].provisioned_concurrent_executions == 2 && aws_lambda_provisioned_concurrency_config.live[0].qualifier == "live"
    error_message = "What runs is kept ready."
  }
  assert {
    condition     = tolist(aws_lambda_function.this.vpc_config[0].subnet_ids) == tolist(["subnet-1"]) && tolist(aws_lambda_function.this.vpc_config[0].security_group_ids) == tolist(["sg-1"])
    error_message = "In the VPC."
  }
  assert {
    condition = [for s in jsondecode(aws_iam_role_policy.this.policy).Statement : "${s.Effect} ${try(s.Condition.ArnEquals["lambda:SourceFunctionArn"], "always")}" if contains(flatten([s.Action]), "ec2:CreateNetworkInterface")] == [
      "Allow always", "Deny arn:aws:lambda:eu-west-1:111122223333:function:fanout-publisher",
    ]
    error_message = "Lambda attaches the function; the function's own code does not."
  }
  assert {
    condition     = tolist(aws_lambda_function.this.layers) == tolist(["arn:aws:lambda:eu-west-1:111122223333:layer:agent:3"]) && endswith(aws_lambda_function.this.code_signing_config_arn, "csc-0123456789abcdef0")
    error_message = "Layers and code signing."
  }
  assert {
    condition     = aws_iam_role.this.path == "/fanout/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "The role."
  }
}

run "a_package_that_was_not_built_is_refused" {
  command = plan

  variables {
    package = { path = "./missing.zip" }
  }

  expect_failures = [var.package]
}

run "a_package_from_nowhere_is_refused" {
  command = plan

  variables {
    package = { s3_bucket = "artifacts" }
  }

  expect_failures = [var.package]
}

run "a_package_from_two_places_is_refused" {
  command = plan

  variables {
    package = { path = "./versions.tf", s3_bucket = "artifacts", s3_key = "publisher.zip" }
  }

  expect_failures = [var.package]
}

run "a_runtime_without_compiled_dependencies_is_refused" {
  command = plan

  variables {
    settings = { runtime = "python3.11" }
  }

  expect_failures = [var.settings]
}

run "an_unknown_processor_is_refused" {
  command = plan

  variables {
    settings = { architecture = "arm" }
  }

  expect_failures = [var.settings]
}

run "memory_that_lambda_does_not_offer_is_refused" {
  command = plan

  variables {
    settings = { memory_megabytes = 64 }
  }

  expect_failures = [var.settings]
}

run "an_unknown_log_level_is_refused" {
  command = plan

  variables {
    settings = { log_level = "TRACE" }
  }

  expect_failures = [var.settings]
}

run "an_unknown_log_format_is_refused" {
  command = plan

  variables {
    settings = { log_format = "json" }
  }

  expect_failures = [var.settings]
}

run "a_retention_of_logs_that_is_no_step_of_cloudwatch_is_refused" {
  command = plan

  variables {
    settings = { log_retention_days = 91 }
  }

  expect_failures = [var.settings]
}

run "snapshots_beside_instances_that_are_kept_ready_are_refused" {
  command = plan

  variables {
    settings = { snap_start = true, provisioned_concurrency = 1 }
  }

  expect_failures = [var.settings]
}

run "a_vpc_without_subnets_is_refused" {
  command = plan

  variables {
    settings = { vpc = { subnet_ids = [], security_group_ids = ["sg-1"] } }
  }

  expect_failures = [var.settings]
}

run "a_role_path_that_does_not_end_is_refused" {
  command = plan

  variables {
    settings = { role_path = "/fanout" }
  }

  expect_failures = [var.settings]
}

run "a_wrapper_without_a_layer_is_refused" {
  command = plan

  variables {
    settings = { exec_wrapper = "/opt/otel-instrument" }
  }

  expect_failures = [var.settings]
}

run "a_wrapper_outside_of_the_layers_is_refused" {
  command = plan

  variables {
    settings = { exec_wrapper = "otel-instrument", layer_arns = ["arn:aws:lambda:eu-west-1:111122223333:layer:agent:3"] }
  }

  expect_failures = [var.settings]
}
