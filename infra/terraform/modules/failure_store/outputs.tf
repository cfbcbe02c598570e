output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
}

output "bucket_arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "given_up_filter" {
  description = "Id of the request metrics of what Lambda gave up."
  value       = "given-up-by-lambda"
}
