"""What Lambda calls: `payments_consumer.lambda_entry.lambda_handler`."""

from payments_consumer import bootstrap

lambda_handler = bootstrap.build()
