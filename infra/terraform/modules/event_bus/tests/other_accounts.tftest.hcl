mock_provider "aws" {
  source = "../../mocks"
}

variables {
  subscriber_account_ids = ["444455556666"]
}

run "a_named_account_may_subscribe_its_own_queues_only" {
  command = apply

  assert {
    condition     = jsondecode(aws_sns_topic_policy.this[0].policy).Statement[1].Principal.AWS == "arn:aws:iam::444455556666:root" && jsondecode(aws_sns_topic_policy.this[0].policy).Statement[1].Action == "sns:Subscribe"
    error_message = "May subscribe."
  }
  assert {
    condition     = jsondecode(aws_sns_topic_policy.this[0].policy).Statement[1].Condition.StringLike["sns:Endpoint"] == "arn:aws:sqs:eu-west-1:444455556666:*" && jsondecode(aws_sns_topic_policy.this[0].policy).Statement[1].Condition.StringEquals["sns:Protocol"] == "sqs"
    error_message = "Its own queues."
  }
}

run "a_named_account_keeps_rules_of_its_own_on_the_bus" {
  command = apply

  variables {
    transport = "eventbridge"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[0].Condition.StringEqualsIfExists["events:creatorAccount"] == "$${aws:PrincipalAccount}"
    error_message = "Only its own rules."
  }
  assert {
    condition     = endswith(jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[0].Resource, ":rule/fanout-customer-status/*")
    error_message = "Only on this bus."
  }
  assert {
    condition = jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[0].Action == [
      for action in ["DeleteRule", "DescribeRule", "ListTagsForResource", "ListTargetsByRule", "PutRule", "PutTargets", "RemoveTargets", "TagResource", "UntagResource"] : "events:${action}"
    ]
    error_message = "All that Terraform does with a rule and its target, and nothing else."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_bus_policy.this[0].policy).Statement[0].Principal.AWS == ["arn:aws:iam::444455556666:root"]
    error_message = "Only this account."
  }
}

run "the_bus_parameter_is_shared_with_it" {
  command = apply

  assert {
    condition     = aws_ssm_parameter.bus.tier == "Advanced"
    error_message = "Only advanced parameters can be shared."
  }
  assert {
    condition     = aws_ram_principal_association.subscriber["444455556666"].principal == "444455556666"
    error_message = "Shared with the account."
  }
  assert {
    condition     = aws_ram_resource_association.bus[0].resource_arn == aws_ssm_parameter.bus.arn
    error_message = "This parameter."
  }
  assert {
    condition     = aws_ram_resource_share.discovery[0].allow_external_principals == false
    error_message = "Within the organization."
  }
}
