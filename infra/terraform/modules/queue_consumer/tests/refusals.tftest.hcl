mock_provider "aws" {
  source = "../../mocks"
}

variables {
  subscriber = {
    name                       = "payments"
    queue_arn                  = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments"
    queue_url                  = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments"
    dlq_arn                    = "arn:aws:sqs:eu-west-1:111122223333:fanout-payments-dlq"
    dlq_url                    = "https://sqs.eu-west-1.amazonaws.com/111122223333/fanout-payments-dlq"
    is_fifo                    = false
    max_receive_count          = 240
    visibility_timeout_seconds = 181
    kms_key_arn                = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000009"
  }
  table = { name = "fanout-payments", arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/fanout-payments" }
  # Any file will do for a package here.
  package = { path = "./versions.tf" }
}

run "a_prefix_that_is_no_part_of_a_bucket_name_is_refused" {
  command = plan

  variables {
    prefix = "Fan_Out"
  }

  expect_failures = [var.prefix]
}

run "alarms_to_a_fifo_topic_are_refused" {
  command = plan

  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:on-call.fifo"]
    runbook_base_url = "http://wiki/"
  }

  expect_failures = [var.alarm_topic_arns, var.runbook_base_url]
}

run "a_window_beyond_lambdas_limit_is_refused" {
  command = plan

  variables {
    subscriber           = merge(var.subscriber, { visibility_timeout_seconds = 2000 })
    batch_window_seconds = 301
  }

  expect_failures = [var.batch_window_seconds]
}

run "a_timeout_that_the_queues_visibility_does_not_cover_is_refused" {
  command = plan

  variables {
    timeout_seconds = 31
  }

  expect_failures = [var.timeout_seconds]
}

run "a_window_that_the_queues_visibility_does_not_cover_is_refused" {
  command = plan

  variables {
    batch_window_seconds = 2
  }

  expect_failures = [var.timeout_seconds]
}

run "a_batch_of_more_than_10_from_a_fifo_queue_is_refused" {
  command = plan

  variables {
    subscriber           = merge(var.subscriber, { queue_arn = "${var.subscriber.queue_arn}.fifo", is_fifo = true })
    batch_size           = 11
    batch_window_seconds = 0
  }

  expect_failures = [var.batch_size]
}

run "a_window_on_a_fifo_queue_is_refused" {
  command = plan

  variables {
    subscriber           = merge(var.subscriber, { queue_arn = "${var.subscriber.queue_arn}.fifo", is_fifo = true })
    batch_window_seconds = 1
  }

  expect_failures = [var.batch_window_seconds]
}

run "a_batch_of_more_than_10_without_a_window_is_refused" {
  command = plan

  variables {
    batch_size = 100
  }

  expect_failures = [var.batch_window_seconds]
}

run "a_concurrency_below_lambdas_least_is_refused" {
  command = plan

  variables {
    maximum_concurrency = 1
  }

  expect_failures = [var.maximum_concurrency]
}

run "more_concurrency_than_is_reserved_is_refused" {
  command = plan

  variables {
    maximum_concurrency  = 10
    reserved_concurrency = 5
  }

  expect_failures = [var.maximum_concurrency]
}

run "a_lag_below_the_clock_of_the_stream_is_refused" {
  command = plan

  variables {
    end_to_end_lag_alarm_milliseconds = 4999
  }

  expect_failures = [var.end_to_end_lag_alarm_milliseconds]
}

run "park_by_customer_on_a_standard_queue_is_refused" {
  command = plan

  variables {
    park_by_customer = true
  }

  expect_failures = [var.park_by_customer]
}
