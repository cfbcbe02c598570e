# Releases before the two modes were one module had these without an index. A configuration that
# used the module `stream_pipe` changes the source to `stream_publisher`, and sets mode = "pipe".

moved {
  from = aws_lambda_event_source_mapping.stream
  to   = aws_lambda_event_source_mapping.stream[0]
}

moved {
  from = aws_pipes_pipe.this
  to   = aws_pipes_pipe.this[0]
}

moved {
  from = aws_iam_role.pipe
  to   = aws_iam_role.pipe[0]
}

moved {
  from = aws_iam_role_policy.pipe
  to   = aws_iam_role_policy.pipe[0]
}

moved {
  from = aws_sqs_queue.dlq
  to   = aws_sqs_queue.dlq[0]
}

moved {
  from = aws_sqs_queue_policy.dlq
  to   = aws_sqs_queue_policy.dlq[0]
}

moved {
  from = aws_cloudwatch_metric_alarm.selects_nothing[0]
  to   = aws_cloudwatch_metric_alarm.unseen["selects-nothing"]
}
