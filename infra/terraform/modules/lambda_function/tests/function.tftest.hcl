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

run "a_timeout_a_concurrency_and_a_name_that_lambda_refuses_are_refused" {
  command = plan

  variables {
    timeout_seconds      = 901
    reserved_concurrency = 0
    name                 = "a b"
  }

  expect_failures = [var.timeout_seconds, var.reserved_concurrency, var.name]
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

run "what_runs_is_kept_ready_where_that_is_asked_for" {
  command = plan

  variables {
    settings = { provisioned_concurrency = 2 }
  }

  assert {
    condition     = aws_lambda_provisioned_concurrency_config.live[0].provisioned_concurrent_executions == 2 && aws_lambda_provisioned_concurrency_config.live[0].qualifier == "live"
    error_message = "Two of the alias."
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
