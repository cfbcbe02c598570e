"""The handlers that are compared, each with its environment."""

import os
from collections.abc import Callable
from typing import Any

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

OURS, NAIVE, IDEMPOTENT, BARE = "ours", "naive", "idempotent", "bare"
PUBLISHER, CONSUMER = "publisher", "consumer"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "BUS_ARN": "arn:aws:sns:eu-west-1:123456789012:customer-status",
    "FAILURE_BUCKET": "fanout-failures",
    "EVENT_SOURCE": "urn:novapay:accounts",
    "QUEUE_URL": "http://127.0.0.1/1/payments",
    "DLQ_URL": "http://127.0.0.1/1/payments-dlq",
    "TABLE_NAME": "payments",
    "IDEMPOTENCY_TABLE": "idempotency",
    "CONSUMER_NAME": "payments",
    "DEPLOYMENT": "fanout",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "CustomerStatusFanout",
    "NO_PROXY": "127.0.0.1",
}


def build(which: str, side: str) -> Handler:
    """Import and build a handler; the environment has to be set."""
    if (which, side) == (PUBLISHER, OURS):
        from publisher.lambda_entry import lambda_handler as handler
    elif (which, side) == (CONSUMER, OURS):
        from payments_consumer.lambda_entry import lambda_handler as handler
    elif which == PUBLISHER:
        os.environ["BENCH_IDEMPOTENT"] = str(int(side == IDEMPOTENT))
        from bench.baseline.naive_publisher import lambda_handler as handler
    else:
        from bench.baseline.naive_consumer import lambda_handler as handler
    return handler


class Context:
    """What Lambda passes beside the event."""

    function_name = "bench"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:1:function:bench"
    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000
