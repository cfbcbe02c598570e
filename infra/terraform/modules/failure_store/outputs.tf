output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "notices_queue_name" {
  description = "Name of the queue that is told of the batches that Lambda gave up; null where there is none."
  value       = one(aws_sqs_queue.notices[*].name)
}
