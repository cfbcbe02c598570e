output "subscriber" {
  description = "The subscriber, as the module `queue_consumer` takes it in `subscriber`."
  value = {
    name                       = var.name
    queue_arn                  = aws_sqs_queue.this.arn
    queue_url                  = aws_sqs_queue.this.id
    dlq_arn                    = aws_sqs_queue.dlq.arn
    dlq_url                    = aws_sqs_queue.dlq.id
    is_fifo                    = local.is_fifo_queue
    max_receive_count          = var.max_receive_count
    visibility_timeout_seconds = local.visibility_timeout_seconds
    kms_key_arn                = module.key.arn
  }
}

output "queue_arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "queue_url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.id
}

output "queue_name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "dlq_arn" {
  description = "ARN of the DLQ."
  value       = aws_sqs_queue.dlq.arn
}

output "dlq_url" {
  description = "URL of the DLQ."
  value       = aws_sqs_queue.dlq.id
}

output "dlq_name" {
  description = "Name of the DLQ."
  value       = aws_sqs_queue.dlq.name
}

output "filter" {
  description = "The rendered filter (JSON): filter policy on SNS, null on a FIFO topic, event pattern on EventBridge."
  value       = local.is_topic ? local.filter_policy : local.event_pattern
}

output "kms_key" {
  description = "The key of queue and DLQ, as the other modules take it in `kms_key`."
  value       = module.key.key
}

output "key_policy_statements" {
  description = "Statements that the policy of a given key needs for this queue and DLQ."
  value       = module.key.policy_statements
}

output "consumer_statements" {
  description = "IAM statements that the role of any consumer needs: receive from the queue, park in the DLQ, use the key."
  value = [
    {
      Sid      = "ReceiveEvents"
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = aws_sqs_queue.this.arn
    },
    {
      Sid      = "ParkPoison"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = aws_sqs_queue.dlq.arn
    },
    {
      Sid      = "UseTheKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = module.key.arn
    },
  ]
}

output "dashboard" {
  description = "The subscriber, as the module `dashboard` takes it in `subscribers`."
  value = {
    queue_name     = aws_sqs_queue.this.name
    dlq_name       = aws_sqs_queue.dlq.name
    service_name   = var.consumer.service_name
    log_group_name = var.consumer.log_group_name
    alarm_names = concat(
      values(aws_cloudwatch_metric_alarm.queue)[*].alarm_name,
      values(aws_cloudwatch_metric_alarm.rule)[*].alarm_name,
      aws_cloudwatch_metric_alarm.drift[*].alarm_name,
      values(aws_cloudwatch_metric_alarm.silence)[*].alarm_name,
      var.consumer.alarm_names,
      aws_cloudwatch_composite_alarm.page[*].alarm_name,
    )
    queue_age_alarm_seconds           = var.queue_age_alarm_seconds
    end_to_end_lag_alarm_milliseconds = var.consumer.end_to_end_lag_alarm_milliseconds
  }
}
