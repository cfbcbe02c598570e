"""SQS as the operator's tools see it: messages, queues, scans that consume nothing."""
