mock_provider "aws" {
  source = "../../mocks"
}

variables {
  subscribers = { payments = { queue_name = "fanout-payments", dlq_name = "fanout-payments-dlq" } }
}

run "it_shows_the_publisher_and_each_subscriber" {
  command = plan

  assert {
    condition     = length(jsondecode(output.body).widgets) == 11
    error_message = "Four and seven."
  }
  assert {
    condition     = strcontains(output.body, "fanout-payments-dlq") && strcontains(output.body, "payments_consumer")
    error_message = "Queue, DLQ and consumer."
  }
  assert {
    condition     = !strcontains(output.body, "late") && !strcontains(output.body, "\"alarm\"")
    error_message = "Neither alarms nor lines that nobody has named."
  }
}

run "it_shows_alarms_and_from_when_on_something_is_late" {
  command = plan

  variables {
    alarm_names                     = ["fanout-publisher-page"]
    iterator_age_alarm_milliseconds = 300001
    log_group_names                 = ["/aws/lambda/fanout-publisher"]
    subscribers = {
      for name in ["fraud", "payments"] : name => {
        queue_name                        = "fanout-${name}"
        dlq_name                          = "fanout-${name}-dlq"
        log_group_name                    = "/aws/lambda/fanout-${name}-consumer"
        alarm_names                       = ["fanout-${name}-drift", "fanout-${name}-page"]
        queue_age_alarm_seconds           = 901
        end_to_end_lag_alarm_milliseconds = 60001
      }
    }
  }

  assert {
    condition = [for w in jsondecode(output.body).widgets : [for arn in w.properties.alarms : split(":alarm:", arn)[1]] if w.type == "alarm"] == [
      ["fanout-publisher-page", "fanout-fraud-page", "fanout-payments-page"],
      ["fanout-fraud-drift", "fanout-fraud-page"],
      ["fanout-payments-drift", "fanout-payments-page"],
    ]
    error_message = "All of the publisher's and the subscribers' pages at the top, then each subscriber's."
  }
  assert {
    condition     = [for w in jsondecode(output.body).widgets : w.properties.annotations.horizontal[0].value if can(w.properties.annotations)] == [300001, 60001, 901, 60001, 901]
    error_message = "What the alarms say."
  }
  assert {
    condition = alltrue([for one in aws_cloudwatch_query_definition.this : one.log_group_names == tolist([
      "/aws/lambda/fanout-publisher", "/aws/lambda/fanout-fraud-consumer", "/aws/lambda/fanout-payments-consumer",
    ])])
    error_message = "Every function's log group."
  }
}

run "widgets_do_not_overlap" {
  command = plan

  variables {
    subscribers = { for name in ["a", "b", "c"] : name => { queue_name = name, dlq_name = name, alarm_names = ["x"] } }
  }

  assert {
    condition = length(distinct(flatten([for w in jsondecode(output.body).widgets : [
      for cell in setproduct(range(w.x, w.x + w.width), range(w.y, w.y + w.height)) : "${cell[0]}/${cell[1]}"
    ]]))) == sum([for w in jsondecode(output.body).widgets : w.width * w.height])
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

run "more_subscribers_than_a_query_reads_are_refused" {
  command = plan

  variables {
    subscribers = { for number in range(49) : "team-${number}" => { queue_name = "queue", dlq_name = "dlq" } }
  }

  expect_failures = [var.subscribers]
}

run "without_subscribers_it_shows_the_publisher" {
  command = plan

  variables {
    subscribers = {}
  }

  assert {
    condition     = length(jsondecode(output.body).widgets) == 4
    error_message = "Four."
  }
}
