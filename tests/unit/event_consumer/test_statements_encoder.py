import json
from types import SimpleNamespace

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.session import Session

from customer_events.deadline import UNLIMITED
from event_consumer.guarded_batches import GuardedBatches, statements_encoder
from event_consumer.guarded_table import GuardedTable
from unit.event_consumer.consumer_samples import live, snapshot

UNLIKELY = 'é "quoted" \\ \x00 🙂'
EVENTS = [live(7), live(7, previous_status=None), snapshot(seconds=8)]


class Sender:
    """A consumer's batches, with our encoder or without it; keeps the bodies that leave.

    `change` gets botocore's body of each call before our encoder sees it, and may replace it.
    """

    def __init__(self, *, ours, change=lambda body: body):
        session = Session()
        session.set_credentials("test", "test")
        config = Config(parameter_validation=not ours)
        client = session.create_client("dynamodb", region_name="eu-west-1", config=config)
        self.from_botocore, self.bodies, self.alone = [], [], 0
        self.change = change
        events = client.meta.events
        events.register("before-call.dynamodb.BatchExecuteStatement", self._made)
        if ours:
            statements_encoder().register(events, "dynamodb.BatchExecuteStatement")
        events.register_first("before-send.dynamodb", self._take)
        clock = live(7).occurred_at
        table = GuardedTable(client, "t", rule=lambda _: {"note": UNLIKELY}, clock=lambda: clock)
        self._batches = GuardedBatches(client, "t", table)

    def send(self):
        return self._batches.write(EVENTS, [True, False, True], UNLIMITED)

    def _made(self, params, **_):
        params["body"] = self.change(params["body"])
        self.from_botocore.append(params["body"])

    def _take(self, request, **_):
        if b"UpdateItem" in request.headers["X-Amz-Target"]:
            self.alone += 1
            answer = b'{"Attributes": {}}'
        else:
            self.bodies.append(request.body)
            answer = json.dumps({"Responses": [{}] * len(EVENTS)}).encode()
        return AWSResponse(request.url, 200, {}, SimpleNamespace(stream=lambda: iter([answer])))


def cbor(_body):
    """As another protocol of DynamoDB's would have it."""
    return b"\xbf\xff"


def test_what_leaves_is_byte_for_byte_what_botocore_would_send():
    ours, theirs = Sender(ours=True), Sender(ours=False)
    for sender in (ours, theirs, ours, theirs):
        assert all(written.applied for written in sender.send())
    assert ours.bodies == theirs.bodies
    assert ours.from_botocore == [theirs.bodies[0], b"{}"]


def test_where_botocore_makes_another_body_each_call_leaves_as_botocore_encodes_it():
    sender = Sender(ours=True, change=cbor)
    for _ in range(3):
        assert all(written.applied for written in sender.send())
    assert sender.bodies == [cbor(b"")] * 3


def test_a_body_that_changes_later_never_leaves_without_its_statements():
    sender = Sender(ours=True)
    sender.send()
    sender.change = cbor
    for _ in range(2):
        assert all(written.applied for written in sender.send())
    assert len(json.loads(sender.bodies[0])["Statements"]) == len(EVENTS)
    assert sender.alone == len(EVENTS)  # the call that would have left without them
    assert sender.bodies[1:] == [cbor(b"")]
