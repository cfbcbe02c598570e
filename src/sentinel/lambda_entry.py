"""What Lambda calls."""

from sentinel import bootstrap

lambda_handler = bootstrap.build()
