"""Errors as AWS words them, in the protocol of the call that they answer.

Protocols: https://smithy.io/2.0/aws/protocols/ (awsJson1_0, awsQuery, restXml).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/(?P<service>[^/]+)/aws4_request")
_REQUEST_ID = "00000000-0000-4000-8000-00000000c405"
_JSON_THROTTLES = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "sqs": "com.amazonaws.sqs#RequestThrottled",
    "events": "com.amazonaws.eventbridge#ThrottlingException",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def service_of(headers: Mapping[str, str]) -> str:
    """The service that a signed call is meant for, by its signing name; `unknown` if unsigned."""
    found = _CREDENTIAL.search(headers.get("Authorization") or "")
    return found["service"] if found else "unknown"


def throttle(headers: Mapping[str, str]) -> HttpAnswer:
    """The service is asked too much: to be tried again later."""
    service = service_of(headers)
    if service == "s3":
        return _s3(503, "SlowDown")
    if headers.get("X-Amz-Target"):
        return _json(400, _JSON_THROTTLES.get(service, "ThrottlingException"))
    return _query(400, "Throttling", "Sender")


def server_error(headers: Mapping[str, str]) -> HttpAnswer:
    """Something within the service went wrong."""
    if service_of(headers) == "s3":
        return _s3(500, "InternalError")
    if headers.get("X-Amz-Target"):
        return _json(500, "InternalServerError")
    return _query(500, "InternalFailure", "Receiver")


# Private functions


def _json(status: int, kind: str) -> HttpAnswer:
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-RequestId": _REQUEST_ID,
        "x-amzn-ErrorType": kind,
    }
    return HttpAnswer(
        status=status,
        headers=headers,
        body=json.dumps({"__type": kind, "message": "by the fault proxy"}).encode(),
    )


def _query(status: int, code: str, kind: str) -> HttpAnswer:
    body = (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<Error><Type>{kind}</Type><Code>{code}</Code><Message>by the fault proxy</Message>"
        f"</Error><RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>"
    )
    return HttpAnswer(status=status, headers={"Content-Type": "text/xml"}, body=body.encode())


def _s3(status: int, code: str) -> HttpAnswer:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{code}</Code><Message>by the fault proxy</Message>"
        f"<RequestId>{_REQUEST_ID}</RequestId></Error>"
    )
    return HttpAnswer(
        status=status, headers={"Content-Type": "application/xml"}, body=body.encode()
    )
