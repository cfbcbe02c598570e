mock_provider "aws" {
  source = "../../mocks"
}

run "an_unknown_transport_is_refused" {
  command = plan

  variables {
    transport = "kafka"
  }

  expect_failures = [var.transport]
}

run "an_unknown_version_is_refused" {
  command = plan

  variables {
    publish_versions = [2, 3]
  }

  expect_failures = [var.publish_versions]
}

run "publishing_old_versions_alone_is_refused" {
  command = plan

  variables {
    publish_versions = [1]
  }

  expect_failures = [var.publish_versions]
}

run "two_versions_on_a_fifo_topic_are_refused" {
  command = plan

  variables {
    transport        = "sns-fifo"
    publish_versions = [1, 2]
  }

  expect_failures = [var.publish_versions]
}

run "an_archive_of_a_standard_topic_is_refused" {
  command = plan

  variables {
    archive_retention_days = 14
  }

  expect_failures = [var.archive_retention_days]
}

run "an_archive_of_a_fifo_topic_beyond_a_year_is_refused" {
  command = plan

  variables {
    transport              = "sns-fifo"
    archive_retention_days = 366
  }

  expect_failures = [var.archive_retention_days]
}

run "an_archive_of_a_bus_that_would_keep_events_forever_is_refused" {
  command = plan

  variables {
    transport              = "eventbridge"
    archive_retention_days = 0
  }

  expect_failures = [var.archive_retention_days]
}

run "a_prefix_that_is_no_part_of_a_bucket_name_is_refused" {
  command = plan

  variables {
    prefix = "Fan_Out"
  }

  expect_failures = [var.prefix]
}

run "a_prefix_beyond_20_characters_which_would_not_fit_every_name_is_refused" {
  command = plan

  variables {
    prefix = "ppppppppppppppppppppp"
  }

  expect_failures = [var.prefix]
}

run "a_name_that_says_fifo_itself_is_refused" {
  command = plan

  variables {
    name = "status.fifo"
  }

  expect_failures = [var.name]
}

run "alarms_to_a_fifo_topic_are_refused" {
  command = plan

  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:on-call.fifo"]
    runbook_base_url = "http://wiki/"
  }

  expect_failures = [var.alarm_topic_arns, var.runbook_base_url]
}

run "an_account_that_is_no_number_is_refused" {
  command = plan

  variables {
    subscriber_account_ids = ["fraud"]
  }

  expect_failures = [var.subscriber_account_ids]
}

run "a_bus_whose_archive_would_have_too_long_a_name_is_refused" {
  command = plan

  variables {
    transport              = "eventbridge"
    archive_retention_days = 14
    name                   = "a-name-of-forty-nine-characters-is-one-too-many-x"
  }

  expect_failures = [var.name]
}

run "a_bus_whose_queue_would_have_too_long_a_name_is_refused" {
  command = plan

  variables {
    transport = "eventbridge"
    name      = "a-name-of-seventy-three-characters-is-one-more-than-its-queue-has-room-fo"
  }

  expect_failures = [var.name]
}
