"""What botocore would send, kept where it would leave the process; every call succeeds."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: `https://NAME.SERVICE.REGION.amazonaws.com/PATH`."""

    service: str
    region: str
    url: str
    body: str
    trace: str | None

    @property
    def entries(self) -> list[dict[str, str]]:
        """Of a PublishBatch or a PutEvents: target, document, and what else stands beside it."""
        if self.service == "events":
            return [
                {"target": one["EventBusName"], "document": one["Detail"]}
                for one in json.loads(self.body).get("Entries", ())
            ]
        return list(_sns_entries({name: one for name, (one,) in parse_qs(self.body).items()}))


@dataclass(slots=True, kw_only=True)
class Wire:
    """The calls of a test. `status` answers a call with another HTTP status than 200."""

    calls: list[Call] = field(default_factory=list)
    status: Callable[[Call], int] = lambda _: 200
    bus_arn: str = ""

    @property
    def services(self) -> list[str]:
        return [call.service for call in self.calls]

    def published(self) -> list[dict[str, str]]:
        return [entry for call in self.calls if call.service != "s3" for entry in call.entries]

    def parked(self) -> list[dict[str, Any]]:
        """Out of the chunks in which S3 gets an object."""
        bodies = [call.body for call in self.calls if call.service == "s3"]
        return [json.JSONDecoder().raw_decode(body, body.index("{"))[0] for body in bodies]

    def send(self, request: Any) -> AWSResponse:
        call = _call(request)
        self.calls.append(call)
        status = self.status(call)
        body = self._success(call) if status == 200 else ""
        raw = SimpleNamespace(stream=lambda: iter([body.encode()]))
        return AWSResponse(request.url, status, {}, raw)

    def _success(self, call: Call) -> str:
        if call.service == "sns":
            ids = [entry["id"] for entry in call.entries]
            members = "".join(f"<member><Id>{one}</Id></member>" for one in ids)
            return (
                '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
                f"<PublishBatchResult><Successful>{members}</Successful></PublishBatchResult>"
                "</PublishBatchResponse>"
            )
        if call.service == "events":
            taken = [{"EventId": "e"} for _ in call.entries]
            return json.dumps({"Arn": self.bus_arn, "FailedEntryCount": 0, "Entries": taken})
        return "" if call.service == "s3" else "{}"


def on_the_wire(monkeypatch: Any) -> Wire:
    """Every request of botocore ends in what is returned."""
    wire = Wire()
    monkeypatch.setattr(URLLib3Session, "send", lambda _, request: wire.send(request))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return wire


# Private functions


def _call(request: Any) -> Call:
    *_, service, region, _, _ = urlparse(request.url).netloc.split(".")
    body = request.body or ""
    if hasattr(body, "read"):
        body = body.read()
    trace = request.headers.get("X-Amzn-Trace-Id")
    return Call(
        service=service,
        region=region,
        url=request.url,
        body=_text(body),
        trace=None if trace is None else unquote(_text(trace)),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else bytes(value).decode()


def _sns_entries(fields: dict[str, str]) -> Iterator[dict[str, str]]:
    place = 1
    while f"PublishBatchRequestEntries.member.{place}.Id" in fields:
        start = f"PublishBatchRequestEntries.member.{place}."
        yield {
            "target": fields["TopicArn"],
            "id": fields[f"{start}Id"],
            "document": fields[f"{start}Message"],
        }
        place += 1
