"""Build the Payments consumer's Lambda handler."""

from event_consumer import LambdaHandler, latest_state_consumer
from payments_consumer.standing import attributes


def build() -> LambdaHandler:
    """Raises: BadSettings, naming every variable that is missing or wrong."""
    return latest_state_consumer(attributes)
