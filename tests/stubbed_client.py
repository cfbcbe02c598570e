"""A client of AWS with the answers of a test, which botocore checks against its own shapes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber


@contextmanager
def stubbed_client(service: str) -> Iterator[tuple[Any, Stubber]]:
    """The client, which makes each call once, and the stubber that takes the answers."""
    client = botocore.session.get_session().create_client(
        service,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with Stubber(client) as stubber:
        yield client, stubber


def client_error(
    code: str, status: int = 400, message: str = "", *, operation: str = "Call", **more: Any
) -> ClientError:
    """As botocore makes it of an answer."""
    answer = {"Error": {"Code": code, "Message": message}, **more}
    answer["ResponseMetadata"] = {"HTTPStatusCode": status}
    return ClientError(answer, operation)  # type: ignore[arg-type]
