from types import SimpleNamespace
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.session import Session

from publisher.batched_bus import BatchedBus
from publisher.form_encoding import entries_encoder
from publisher.ports import Verdict
from publisher.sns_bus import SnsTopic
from publisher.transports import SNS_FIFO
from unit.publisher.publisher_fakes import FakeClock
from unit.publisher.stream_record_samples import entries

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status.fifo"
TEXTS = ["", "plain-._~", "a b+c&d=e", '{"a":"%41\\u00e9","b":[1,2]}', "é", "\x00\x1f\x7f", "%25%%"]


def entry(place, text, **marks):
    names = ("type", "schema_version", "status", "transition")
    values = ("novapay.accounts.CustomerStatusChanged.v2", "2", "CLOSED", "ACTIVE>CLOSED")
    return {
        "Id": str(place),
        "Message": text,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in zip(names, values, strict=True)
        },
        **marks,
    }


class Sender:
    """A client of botocore, with our encoder or without it; keeps the bodies that would leave.

    `change` gets botocore's body of each call before our encoder sees it; what it returns replaces
    the body, as another botocore would have made it.
    """

    def __init__(self, *, ours, change=None):
        session = Session()
        session.set_credentials("test", "test")
        config = Config(parameter_validation=not ours)
        self.client = session.create_client("sns", region_name="eu-west-1", config=config)
        self.from_botocore = []
        self.bodies = []
        self.change = change or (lambda body: body)
        events = self.client.meta.events
        events.register("before-call.sns.PublishBatch", self._made)
        if ours:
            entries_encoder().register(events, "sns.PublishBatch")
        events.register_first("before-send.sns.PublishBatch", self._take)

    def send(self, *entries):
        """The fields of the body that leaves."""
        self.client.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=list(entries))
        body = self.bodies[-1]
        return parse_qs(
            body.decode() if isinstance(body, bytes) else body,
            keep_blank_values=True,
            strict_parsing=True,
        )

    def _made(self, params, **_):
        params["body"] = self.change(params["body"])
        self.from_botocore.append(params["body"])

    def _take(self, request, **_):
        self.bodies.append(request.body)
        ids = [one for (name, one) in parse_qsl(_text(request.body)) if name.endswith(".Id")]
        members = "".join(f"<member><Id>{one}</Id></member>" for one in ids)
        answer = (
            '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
            f"<PublishBatchResult><Successful>{members}</Successful></PublishBatchResult>"
            "</PublishBatchResponse>"
        )
        raw = SimpleNamespace(stream=lambda: iter([answer.encode()]))
        return AWSResponse(request.url, 200, {}, raw)


def _text(body):
    return body.decode() if isinstance(body, bytes) else body


def renamed(body):
    """Another name for the entries' list."""
    return {
        name.replace("PublishBatchRequestEntries", "Entries"): one for name, one in body.items()
    }


def test_what_leaves_is_field_by_field_what_botocore_would_send():
    marks = {"MessageGroupId": "a" * 64, "MessageDeduplicationId": "6f1c9a52-1d0e-5b7c-9f43"}
    entries = [entry(place, text, **marks) for place, text in enumerate(TEXTS)]
    entries += [entry(len(TEXTS), "no marks")]
    ours = Sender(ours=True)
    first, second = ours.send(*entries), ours.send(*entries)
    assert first == second == Sender(ours=False).send(*entries)
    assert len(second) == 3 + len(entries) * 14 + len(TEXTS) * 2


def test_the_entries_are_kept_from_botocore_once_its_own_body_was_seen_to_be_the_same():
    sender = Sender(ours=True)
    for _ in range(3):
        sender.send(entry(0, "text"))
    assert [len(body) for body in sender.from_botocore] == [17, 3, 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: urlencode(body).encode(),
        urlencode,
        renamed,
        lambda body: body | {"Added": "field"},
        lambda body: {name: one for name, one in body.items() if name != "Version"},
    ],
    ids=["bytes", "text", "renamed", "added", "removed"],
)
def test_where_botocore_makes_another_body_each_call_leaves_as_botocore_encodes_it(change):
    ours, theirs = Sender(ours=True, change=change), Sender(ours=False, change=change)
    for number in range(3):
        sent = ours.send(entry(number, "a b+c"), entry(9, "text"))
        assert sent == theirs.send(entry(number, "a b+c"), entry(9, "text"))
        assert sum(name.endswith(".Id") for name in sent) == 2


@pytest.mark.parametrize("change", [lambda body: urlencode(body).encode(), renamed])
def test_a_body_that_changes_later_never_leaves_without_its_entries(change):
    sender = Sender(ours=True)
    calls = SnsTopic(client=sender.client, topic_arn=TOPIC)
    bus = BatchedBus(transport=SNS_FIFO, calls=calls, size_max_bytes=262_144, executor=None)
    for _ in range(3):
        answers = bus.send(entries(2), FakeClock().deadline(60))
        assert {answer.verdict for answer in answers} == {Verdict.CONFIRMED}
        sender.change = change
    assert all(".Id=" in _text(body) for body in sender.bodies)
