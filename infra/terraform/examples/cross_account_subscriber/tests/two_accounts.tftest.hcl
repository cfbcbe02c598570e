mock_provider "aws" {
  alias  = "bus_owner"
  source = "../../mocks"
}

mock_provider "aws" {
  alias  = "subscriber"
  source = "../../mocks"

  override_data {
    target = module.fraud.data.aws_caller_identity.current
    values = { account_id = "444455556666" }
  }
  override_data {
    target = module.fraud.module.key.data.aws_caller_identity.current
    values = { account_id = "444455556666" }
  }
}

variables {
  subscriber_account_id = "444455556666"
}

run "the_subscribers_own_key_admits_the_owners_topic" {
  command = apply

  assert {
    condition = one(one([
      for statement in module.fraud.key_policy_statements : statement
      if statement.Sid == "TopicDeliversToEncryptedQueues"
    ]).Condition.StringEquals["aws:SourceAccount"]) == "111122223333"
    error_message = "The topic is the owner's."
  }
  assert {
    condition = one([
      for statement in module.fraud.key_policy_statements : statement
      if statement.Sid == "AccountDecidesThroughIam"
    ]).Principal.AWS == "arn:aws:iam::444455556666:root"
    error_message = "The key is the subscriber's."
  }
}

run "the_subscriber_hears_of_arrivals_and_departures" {
  command = apply

  assert {
    condition     = jsondecode(output.filter).transition[0] == { prefix = "SUSPENDED>" }
    error_message = "Its filter is its own."
  }
}

run "the_same_works_on_eventbridge" {
  command = apply

  variables {
    transport = "eventbridge"
  }

  assert {
    condition = one([
      for statement in module.fraud.key_policy_statements : statement
      if statement.Sid == "RulesDeliverToEncryptedQueues"
    ]).Condition.ArnLike["kms:EncryptionContext:aws:sqs:arn"][0] == "arn:aws:sqs:eu-west-1:444455556666:fanout-fraud"
    error_message = "Rules deliver into the subscriber's queues."
  }
}

run "the_same_works_on_a_fifo_topic" {
  command = plan

  variables {
    transport = "sns-fifo"
  }

  assert {
    condition     = output.filter == null
    error_message = "A FIFO topic takes no filter."
  }
}
