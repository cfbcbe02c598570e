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
  package_path = "./versions.tf"
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
    snap_start = true
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

run "a_package_that_was_not_built_is_refused" {
  command = plan

  variables {
    package_path = "./missing.zip"
  }

  expect_failures = [var.package_path]
}

run "a_runtime_without_compiled_dependencies_is_refused" {
  command = plan

  variables {
    runtime = "python3.11"
  }

  expect_failures = [var.runtime]
}

run "an_unknown_processor_is_refused" {
  command = plan

  variables {
    architecture = "arm"
  }

  expect_failures = [var.architecture]
}

run "a_timeout_beyond_15_minutes_is_refused" {
  command = plan

  variables {
    timeout_seconds = 901
  }

  expect_failures = [var.timeout_seconds]
}

run "memory_that_lambda_does_not_offer_is_refused" {
  command = plan

  variables {
    memory_megabytes = 64
  }

  expect_failures = [var.memory_megabytes]
}

run "a_concurrency_of_none_is_refused" {
  command = plan

  variables {
    reserved_concurrency = 0
  }

  expect_failures = [var.reserved_concurrency]
}

run "a_retention_of_logs_that_is_no_step_of_cloudwatch_is_refused" {
  command = plan

  variables {
    log_retention_days = 91
  }

  expect_failures = [var.log_retention_days]
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
