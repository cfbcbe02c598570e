"""What every subscriber reuses, so that it writes only its own business rule.

A queue's batch is unwrapped, validated, upcast, handed to the subscriber's rule, and answered
message by message; what can never succeed is parked in the DLQ with its reason.

The public API is what this package exports: one builder for each kind of subscriber. A test of a
subscriber takes what it needs from `event_consumer.testing`.
"""

from event_consumer.bootstrap import LambdaHandler, every_event_consumer, latest_state_consumer
from event_consumer.every_event import Write
from event_consumer.failures import DependencyFault

__all__ = [
    "DependencyFault",
    "LambdaHandler",
    "Write",
    "every_event_consumer",
    "latest_state_consumer",
]
