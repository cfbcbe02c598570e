mock_provider "aws" {
  source = "../../mocks"
}

variables {
  subscribers = { payments = { queue_name = "fanout-payments", dlq_name = "fanout-payments-dlq" } }
}

run "it_shows_the_publisher_and_each_subscriber" {
  command = plan

  assert {
    condition     = length(jsondecode(output.body).widgets) == 6
    error_message = "Three and three."
  }
  assert {
    condition     = strcontains(output.body, "fanout-payments-dlq") && strcontains(output.body, "payments_consumer")
    error_message = "Queue, DLQ and consumer."
  }
}

run "widgets_do_not_overlap" {
  command = plan

  assert {
    condition     = length(distinct([for w in jsondecode(output.body).widgets : "${w.x}/${w.y}"])) == 6
    error_message = "Each in its place."
  }
}

run "a_prefix_that_is_no_part_of_a_bucket_name_is_refused" {
  command = plan

  variables {
    prefix = "Fan_Out"
  }

  expect_failures = [var.prefix]
}

run "more_subscribers_than_a_dashboard_holds_are_refused" {
  command = plan

  variables {
    subscribers = { for number in range(81) : "team-${number}" => { queue_name = "queue", dlq_name = "dlq" } }
  }

  expect_failures = [var.subscribers]
}

run "without_subscribers_it_shows_the_publisher" {
  command = plan

  variables {
    subscribers = {}
  }

  assert {
    condition     = length(jsondecode(output.body).widgets) == 3
    error_message = "Three."
  }
}
