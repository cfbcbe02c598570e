"""Build Takeover's Lambda handler."""

import os

from botocore.session import get_session

from event_consumer import LambdaHandler
from event_consumer.bootstrap import aws_client, lambda_handler
from event_consumer.other_events.customer_email_changed import CustomerEmailChanged, from_document
from event_consumer.settings import from_environment
from takeover_consumer.rule import EmailChanges


def build() -> LambdaHandler:
    """Raises: BadSettings, naming every variable that is missing or wrong."""
    settings = from_environment(os.environ)
    session = get_session()
    return lambda_handler(
        settings,
        EmailChanges(aws_client(session, "dynamodb", settings), settings.table_name),
        sqs=aws_client(session, "sqs", settings),
        event_name=CustomerEmailChanged.name,
        reader=from_document,
    )
