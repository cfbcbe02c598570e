"""What an operator's replay and backfill cost, and whether that grows with the number of messages.

The commands run as a person types them, against a server of its own that answers at once and
remembers nothing of a message but whether, and until when, it is hidden: so the time and the memory
are the commands'. What a consumer does with what is sent is left out (`--watch 0s`).

`python -m bench.operators COUNT` serves a DLQ of that many messages and a table of that many
customers; it prints its port, and the end of its standard input ends it.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from uuid import UUID

from bench.aws_stub import Connection
from bench.figures import CONSTANT, Figure, Show, Sizes
from bench.running import ROOT, environment

_ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
_SUBSCRIBER = {
    "name": "payments",
    "queue_url": "http://aws/q",
    "queue_arn": _ARN.format("sqs", "q"),
    "dlq_url": "http://aws/dlq",
    "dlq_arn": _ARN.format("sqs", "dlq"),
    "versions": "2",
    "since": "2026-01-01T00:00:00Z",
}
_PUBLISHER = {
    "function_name": "publisher",
    "mapping_id": "m",
    "accounts_table": "accounts",
    "stream_arn": f"{_ARN.format('dynamodb', 'table/accounts')}/stream/2026-11-01T08:00:00.000",
    "failure_bucket": "failures",
    "source": "urn:novapay:accounts",
    "customer_id_attribute": "customer_id",
    "status_attribute": "status",
    "sequence_attribute": "",
    "sequence_epoch": "1",
    "publish_versions": "2",
}
_DOCUMENT = {
    "specversion": "1.0",
    "source": "urn:novapay:accounts",
    "type": "novapay.accounts.CustomerStatusChanged.v2",
    "time": "2026-11-23T09:30:00Z",
    "datacontenttype": "application/json",
    "dataschema": "urn:novapay:schemas:customer_status_changed:v2",
    "sequencesource": "stream",
}
_XML = "<{0}Response><{0}Result>{1}</{0}Result></{0}Response>"
_SENT_AT = "1795426200000"
_VISIBLE, _HIDDEN, _DELETED = 0, 1, 2


class Stub:
    """A queue that takes everything, a DLQ, a table and the parameters of a deployment."""

    def __init__(self, count: int) -> None:
        self.calls: Counter[str] = Counter()
        self._count = count
        self._states = bytearray(count)
        self._hidden: deque[tuple[float, int]] = deque()
        self._until = array("d", bytes(8 * count))
        self._next = 0
        parameters = {
            "/fanout/bus": {"transport": "sns", "arn": _ARN.format("sns", "topic")},
            "/fanout/publisher": _PUBLISHER,
            "/fanout/subscribers/payments": _SUBSCRIBER,
        }
        self._values = {name: json.dumps(value) for name, value in parameters.items()}

    def answer(self, method: str, _path: str, target: str, body: str) -> tuple[str, str]:
        """The content type and the body of an answer."""
        if method == "GET":
            return "application/json", json.dumps(dict(self.calls))
        if not target:
            action = re.findall(r"Action=(\w+)", body)[0]
            self.calls[action] += 1
            return "text/xml", _XML.format(action, _SNS.get(action, ""))
        action = target.partition(".")[2]
        self.calls[action] += 1
        name = re.sub(r"(?=[A-Z])", "_", action).lower()
        answer = getattr(self, name)(json.loads(body))
        return "application/x-amz-json-1.0", json.dumps(answer)

    # The calls, by their names in small letters

    def _get_parameter(self, asked: Any) -> Any:
        return {"Parameter": self._parameter(asked["Name"])}

    def _get_parameters_by_path(self, asked: Any) -> Any:
        names = [name for name in self._values if name.startswith(asked["Path"])]
        return {"Parameters": list(map(self._parameter, names))}

    def _put_parameter(self, asked: Any) -> Any:
        self._values[asked["Name"]] = asked["Value"]
        return {"Version": 1}

    def _delete_parameter(self, asked: Any) -> Any:
        del self._values[asked["Name"]]
        return {}

    def _get_queue_attributes(self, asked: Any) -> Any:
        self._show_again()
        is_dlq = asked["QueueUrl"] == _SUBSCRIBER["dlq_url"]
        waiting, hidden = (self._states.count(n) * is_dlq for n in (_VISIBLE, _HIDDEN))
        attributes = {
            "QueueArn": _SUBSCRIBER["dlq_arn" if is_dlq else "queue_arn"],
            "MessageRetentionPeriod": "1209600",
            "ApproximateNumberOfMessages": str(waiting),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
        }
        return {"Attributes": attributes}

    def _receive_message(self, asked: Any) -> Any:
        """In turn, so that what shows up again comes after what was not seen yet."""
        self._show_again()
        numbers: list[int] = []
        while len(numbers) < 10:
            number = self._states.find(_VISIBLE, self._next)
            if number < 0 and (number := self._states.find(_VISIBLE)) < 0:
                break
            self._hide(number, asked["VisibilityTimeout"])
            self._next = number + 1
            numbers.append(number)
        return {"Messages": list(map(_message, numbers))}

    def _change_message_visibility_batch(self, asked: Any) -> Any:
        return self._each(asked, lambda n, entry: self._hide(n, entry["VisibilityTimeout"]))

    def _delete_message_batch(self, asked: Any) -> Any:
        return self._each(asked, lambda n, _: self._states.__setitem__(n, _DELETED))

    def _send_message_batch(self, asked: Any) -> Any:
        return {"Successful": [{"Id": e["Id"], "MessageId": "m"} for e in asked["Entries"]]}

    def _describe_table(self, _asked: Any) -> Any:
        key = {"AttributeName": "customer_id"}
        table = {
            "TableName": "accounts",
            "TableStatus": "ACTIVE",
            "KeySchema": [{**key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{**key, "AttributeType": "S"}],
            "ItemCount": self._count,
            "TableSizeBytes": self._count * 200,
        }
        return {"Table": table}

    def _scan(self, asked: Any) -> Any:
        segments, segment = asked["TotalSegments"], asked["Segment"]
        after = asked.get("ExclusiveStartKey", {}).get("customer_id", {}).get("S", "c-")
        begin = int(after[2:]) + segments if after[2:] else segment
        numbers = range(begin, self._count, segments)[: asked["Limit"]]
        items = [
            {"customer_id": {"S": f"c-{number}"}, "status": {"S": "ACTIVE"}} for number in numbers
        ]
        more = bool(items) and numbers[-1] + segments < self._count
        last = {"LastEvaluatedKey": {"customer_id": items[-1]["customer_id"]}} if more else {}
        return {"Items": items, "ScannedCount": len(items), **last}

    # Private functions

    def _parameter(self, name: str) -> dict[str, Any]:
        return {
            "Name": name,
            "Value": self._values[name],
            "Type": "String",
            "LastModifiedDate": 1767225600,
        }

    def _hide(self, number: int, seconds: int) -> None:
        self._states[number] = _HIDDEN if seconds else _VISIBLE
        self._until[number] = time.monotonic() + seconds
        self._hidden.append((self._until[number], number))

    def _show_again(self) -> None:
        """All of them are hidden for as long: in the order in which they show up again."""
        now = time.monotonic()
        while self._hidden and self._hidden[0][0] <= now:
            until, number = self._hidden.popleft()
            if self._states[number] == _HIDDEN and self._until[number] == until:
                self._states[number] = _VISIBLE

    def _each(self, asked: Any, change: Any) -> Any:
        for entry in asked["Entries"]:
            change(int(entry["ReceiptHandle"]), entry)
        return {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]]}


_SNS = {
    "GetCallerIdentity": "<Arn>arn</Arn><Account>123456789012</Account>",
    "ListSubscriptionsByTopic": "<Subscriptions><member>"
    f"<SubscriptionArn>{_ARN.format('sns', 'topic:s')}</SubscriptionArn>"
    f"<Endpoint>{_SUBSCRIBER['queue_arn']}</Endpoint></member></Subscriptions>",
    "GetSubscriptionAttributes": "<Attributes><entry><key>RawMessageDelivery</key>"
    "<value>true</value></entry></Attributes>",
}


def _message(number: int) -> dict[str, Any]:
    customer_id, status = f"c-{number}", "ACTIVE"
    data = {"customer_id": customer_id, "status": status, "previous_status": "PENDING"}
    document = _DOCUMENT | {
        "id": str(UUID(int=number)),
        "subject": customer_id,
        "partitionkey": customer_id,
        "sequence": f"0001.{number:040}",
        "data": data | {"change": "changed", "changed_at": "2026-11-23T09:30:00Z"},
    }
    return {
        "MessageId": str(UUID(int=number)),
        "ReceiptHandle": str(number),
        "Body": json.dumps(document),
        "Attributes": {
            "SentTimestamp": _SENT_AT,
            "ApproximateFirstReceiveTimestamp": _SENT_AT,
            "ApproximateReceiveCount": "1",
        },
    }


class _Dated(Connection):
    """AWS's answers carry its time, which the commands go by."""

    def _write(self, content_type: str, body: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
        date = formatdate(usegmt=True)
        self._transport.write(f"{head}\r\nDate: {date}\r\n\r\n{body}".encode())


async def serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    stub = Stub(count)
    server = await loop.create_server(lambda: _Dated(stub, 0.0), "127.0.0.1", 0)  # type: ignore[arg-type]
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


# The commands, measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one command over `count` messages or customers."""

    count: int
    wall_seconds: float
    cpu_seconds: float
    peak_mib: float
    calls: dict[str, int]


_REPLAY = ("dlq", "replay", "payments", "--watch", "0s")
_BACKFILL = ("backfill", "payments", "--read-units", "0", "--no-wait")


def measure(command: tuple[str, ...], count: int) -> Cost:
    """Run a command in a process of its own; it has to end well."""
    with _served(count) as url, tempfile.TemporaryDirectory(prefix="fanout-bench-") as folder:
        typed = [sys.executable, "-c", "from fanout.cli import main; main()", *command]
        began = time.monotonic()
        process = subprocess.Popen(
            [*typed, "--execute", "--json", "--runs-dir", folder],
            cwd=ROOT,
            env=environment() | {"AWS_ENDPOINT_URL": url, "HOME": folder},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        with process.stderr:
            said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)  # which tells the memory of this one
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {said[-2000:]}")
        with urllib.request.urlopen(f"{url}/counts") as answer:
            calls: dict[str, int] = json.load(answer)
    return Cost(
        count=count,
        wall_seconds=time.monotonic() - began,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mib=used.ru_maxrss / 1024,
        calls=calls,
    )


def operator_figures(sizes: Sizes, show: Show) -> Iterator[Figure]:
    """Of a replay and a backfill: time, calls, and memory of many messages beside few."""
    few, many = sizes.messages
    for name, command, calls, goal in (
        ("replay", _REPLAY, ("ReceiveMessage", "ChangeMessageVisibilityBatch", *_MOVES), 4.5),
        ("backfill", _BACKFILL, ("SendMessageBatch",), 1.0),
    ):
        show(f"{name}, {few:,} and {many:,}")
        small, large = measure(command, few), measure(command, many)
        thousands = many / 1000
        of = f"{name} of {many:,}"
        yield Figure(
            name=f"{of}, wall time per 1,000", unit="s", ours=large.wall_seconds / thousands
        )
        yield Figure(name=f"{of}, CPU per 1,000", unit="s", ours=large.cpu_seconds / thousands)
        yield Figure(
            name=f"{of}, calls, beside one for ten messages",
            unit="calls",
            ours=sum(large.calls.get(call, 0) for call in calls),
            baseline=-(-many // 10),
            goal=goal,
        )
        yield Figure(
            name=f"{of}, most memory, beside {few:,}",
            unit="MiB",
            ours=large.peak_mib,
            baseline=small.peak_mib,
            goal=CONSTANT,
        )


_MOVES = ("SendMessageBatch", "DeleteMessageBatch")


@contextmanager
def _served(count: int) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.operators", str(count)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.communicate()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
