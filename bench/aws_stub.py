"""Answers SNS and DynamoDB calls at once, or after a set time, in a process of its own.

So both sides pay for a real connection and a real answer, and neither for the service's work.
`python -m bench.aws_stub DELAY_MS [CERTIFICATE]` prints its port; the end of its standard input
ends it. With a certificate it speaks TLS. GET /counts returns the calls by action, GET /messages
what was published: each document with its message attributes.
"""

import asyncio
import json
import re
import ssl
import sys
from collections import Counter
from typing import Any
from urllib.parse import parse_qs

MESSAGES_MAX = 5_000
_SET = re.compile(r'SET "([^"]+)" = \?')
_ID = re.compile(r"\.Id=([^&]+)")
_SNS = (
    '<{0}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><{0}Result>{1}</{0}Result>'
    "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{0}Response>"
)
_CONFIRMED = "<member><Id>{}</Id><MessageId>m</MessageId></member>"


class Stub:
    """What has been called so far."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.messages: list[tuple[str, dict[str, str]]] = []

    def answer(self, method: str, path: str, target: str, body: str) -> tuple[str, str]:
        """The content type and the body of an answer."""
        if method == "GET":
            found: Any = {"/counts": dict(self.calls), "/messages": self.messages}[path]
            return "application/json", json.dumps(found)
        if target:
            action = target.partition(".")[2]
            self.calls[action] += 1
            return "application/x-amz-json-1.0", self._dynamodb(action, body)
        action = re.search(r"Action=(\w+)", body)
        assert action is not None
        self.calls[action[1]] += 1
        return "text/xml", self._sns(action[1], body)

    def _sns(self, action: str, body: str) -> str:
        if len(self.messages) < MESSAGES_MAX:
            fields = {name: value for name, (value, *_) in parse_qs(body).items()}
            self.messages += [
                (text, _attributes(fields, name.removesuffix("Message")))
                for name, text in fields.items()
                if name == "Message" or name.endswith(".Message")
            ]
        if action == "Publish":
            return _SNS.format(action, "<MessageId>m</MessageId>")
        confirmed = "".join(map(_CONFIRMED.format, _ID.findall(body)))
        return _SNS.format(action, f"<Failed/><Successful>{confirmed}</Successful>")

    def _dynamodb(self, action: str, body: str) -> str:
        request = json.loads(body)
        if action == "BatchExecuteStatement":
            return json.dumps({"Responses": list(map(_executed, request["Statements"]))})
        if action != "UpdateItem":
            return "{}"
        if request.get("ReturnValues") != "ALL_NEW":
            return "{}"
        row = dict(request["Key"])
        for part in request["UpdateExpression"].removeprefix("SET ").split(", "):
            name, value = part.split(" = ")
            row[request["ExpressionAttributeNames"][name]] = request["ExpressionAttributeValues"][
                value
            ]
        return json.dumps({"Attributes": row})


def _attributes(fields: dict[str, str], start: str) -> dict[str, str]:
    """The message attributes of the message whose fields begin so."""
    entry = re.compile(re.escape(f"{start}MessageAttributes.entry.") + r"\d+\.Name")
    names = [name.removesuffix("Name") for name in fields if entry.fullmatch(name)]
    return {fields[f"{name}Name"]: fields[f"{name}Value.StringValue"] for name in names}


def _executed(statement: dict[str, Any]) -> dict[str, Any]:
    """Success; an UPDATE that asks for the row gets what it set."""
    done: dict[str, Any] = {"TableName": "payments"}
    if statement["Statement"].endswith(" RETURNING ALL NEW *"):
        done["Item"] = dict(
            zip(_SET.findall(statement["Statement"]), statement["Parameters"], strict=False)
        )
    return done


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as botocore speaks it."""

    def __init__(self, stub: Stub, delay_seconds: float) -> None:
        self._stub = stub
        self._delay_seconds = delay_seconds
        self._received = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:])
            }
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self._received) < whole:
                return
            body = self._received[end + 4 : whole].decode()
            del self._received[:whole]
            content = self._stub.answer(method, path, headers.get("x-amz-target", ""), body)
            if self._delay_seconds and method == "POST":
                loop = asyncio.get_running_loop()
                loop.call_later(self._delay_seconds, self._write, *content)
            else:
                self._write(*content)

    def _write(self, content_type: str, body: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
        self._transport.write(f"{head}\r\n\r\n{body}".encode())


async def serve(delay_seconds: float, certificate: str | None = None) -> None:
    loop = asyncio.get_running_loop()
    stub = Stub()
    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    server = await loop.create_server(
        lambda: Connection(stub, delay_seconds), "127.0.0.1", 0, ssl=tls
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000, *sys.argv[2:]))
