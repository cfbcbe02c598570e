# In earlier releases the alarm on silence was one alone.

moved {
  from = aws_cloudwatch_metric_alarm.receives_nothing[0]
  to   = aws_cloudwatch_metric_alarm.silence["receives-nothing"]
}
