mock_provider "aws" {
  source = "../../mocks"
}

variables {
  alias = "fanout"
}

run "a_key_that_admits_sns_for_this_topic_is_taken_as_it_is" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  assert {
    condition     = output.arn == var.kms_key.arn
    error_message = "The given key is the one that is used."
  }
  assert {
    condition     = length(aws_kms_key.this) == 0
    error_message = "No key is created beside a given one."
  }
}

run "a_key_that_does_not_admit_sns_is_refused" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "kms:EncryptionContext:aws:sqs:arn" = "arn:aws:sqs:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_admits_sns_for_another_topic_only_is_refused" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnEquals = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:another-topic" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_lets_sns_decrypt_but_not_make_data_keys_is_refused" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt"], Resource = "*", Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_denies_what_it_should_allow_is_refused" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Deny", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_admits_all_of_sns_without_a_source_condition_is_refused" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*" }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_admits_rules_to_these_queues_is_taken" {
  command = plan

  variables {
    queue_arn_patterns = ["arn:aws:sqs:eu-west-1:111122223333:fanout-*"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "kms:EncryptionContext:aws:sqs:arn" = "arn:aws:sqs:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  assert {
    condition     = output.arn == var.kms_key.arn
    error_message = "The given key is the one that is used."
  }
}

run "a_key_that_does_not_admit_eventbridge_is_refused" {
  command = plan

  variables {
    queue_arn_patterns = ["arn:aws:sqs:eu-west-1:111122223333:fanout-*"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_asks_eventbridge_for_a_source_arn_which_it_never_sends_is_refused" {
  command = plan

  variables {
    queue_arn_patterns = ["arn:aws:sqs:eu-west-1:111122223333:fanout-*"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:events:eu-west-1:111122223333:rule/*" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_that_admits_the_bus_is_taken" {
  command = plan

  variables {
    event_bus_arns = ["arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnEquals = { "kms:EncryptionContext:aws:events:event-bus:arn" = "arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status" } } }] })
    }
  }

  assert {
    condition     = output.arn == var.kms_key.arn
    error_message = "The given key is the one that is used."
  }
}

run "a_key_that_admits_queues_but_not_the_bus_is_refused" {
  command = plan

  variables {
    event_bus_arns = ["arn:aws:events:eu-west-1:111122223333:event-bus/fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "kms:EncryptionContext:aws:sqs:arn" = "arn:aws:sqs:eu-west-1:111122223333:fanout-*" } } }] })
    }
  }

  expect_failures = [output.arn]
}

run "a_key_without_a_policy_to_check_is_refused" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009" }
  }

  expect_failures = [output.arn]
}

run "an_alias_instead_of_a_key_is_refused" {
  command = plan

  variables {
    kms_key = { arn = "arn:aws:kms:eu-west-1:111122223333:alias/mine", policy = "{}" }
  }

  expect_failures = [var.kms_key]
}

run "a_policy_that_is_one_statement_and_no_list_is_understood" {
  command = plan

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key = {
      arn    = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
      policy = jsonencode({ Statement = { Effect = "Allow", Principal = { Service = "sns.amazonaws.com" }, Action = ["kms:Decrypt", "kms:GenerateDataKey*"], Resource = "*", Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:sns:eu-west-1:111122223333:fanout-*" } } } })
    }
  }

  assert {
    condition     = output.arn == var.kms_key.arn
    error_message = "The given key is the one that is used."
  }
}

run "the_policy_of_a_key_is_read_from_aws_where_it_is_not_given" {
  command = plan

  override_data {
    target = data.aws_cloudcontrolapi_resource.given[0]
    values = { properties = "{\"KeyPolicy\":{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"sns.amazonaws.com\"},\"Action\":\"kms:*\",\"Resource\":\"*\",\"Condition\":{\"ArnEquals\":{\"aws:SourceArn\":\"arn:aws:sns:eu-west-1:111122223333:fanout-customer-status\"}}}]}}" }
  }

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key    = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009", read_policy = true }
  }

  assert {
    condition     = output.arn == var.kms_key.arn
    error_message = "The given key is the one that is used."
  }
}

run "a_policy_on_aws_that_does_not_admit_sns_is_refused" {
  command = plan

  override_data {
    target = data.aws_cloudcontrolapi_resource.given[0]
    values = { properties = "{\"KeyPolicy\":{\"Statement\":[]}}" }
  }

  variables {
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:fanout-customer-status"]
    kms_key    = { arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009", read_policy = true }
  }

  expect_failures = [output.arn]
}
