"""The Lambda function's entry: `publisher.lambda_entry.lambda_handler`."""

from publisher import bootstrap

lambda_handler = bootstrap.build()
