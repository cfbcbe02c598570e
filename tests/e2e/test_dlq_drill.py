"""The drill: dead messages of four causes, a kill in the middle, and every one accounted for.

Two causes end with the deployment of a corrected consumer, one with an edit, and one can't be
helped. What is typed is what docs/howto/the-drill.md shows, with its 500 messages or with fewer.
"""

import json
import signal
from dataclasses import dataclass

import pytest

from customer_events.encoder import to_document
from e2e.fanout_command import Fanout
from e2e.outages import earlier_release
from seed_at_scale.watching import looks
from unit.event_consumer.consumer_samples import live
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("guarded")]

PATCH = [{"op": "replace", "path": "/data/change", "value": "changed"}]
HOLD = ("--hold", "5s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """How many messages of each cause are dead."""

    unknown: int
    failing: int
    misshapen: int
    garbage: int

    @property
    def all(self):
        return self.unknown + self.failing + self.misshapen + self.garbage


FEW = Dead(unknown=30, failing=30, misshapen=10, garbage=10)
OF_THE_PAGE = Dead(unknown=150, failing=150, misshapen=100, garbage=100)


@pytest.fixture
def deployment(guarded_deployment):
    """One in which messages die at the second failure."""
    sqs, queue = guarded_deployment.client("sqs"), {"QueueUrl": guarded_deployment.queue_url}
    name = "RedrivePolicy"
    kept = sqs.get_queue_attributes(**queue, AttributeNames=[name])["Attributes"]
    hasty = json.dumps(json.loads(kept[name]) | {"maxReceiveCount": 2})
    sqs.set_queue_attributes(**queue, Attributes={name: hasty})
    yield guarded_deployment
    sqs.set_queue_attributes(**queue, Attributes=kept)


@pytest.fixture
def fanout(deployment, tmp_path):
    return Fanout(deployment=deployment, state=tmp_path / "operator")


def customers(kind, count):
    """Others in each drill, as both are played on one deployment."""
    return [f"drill-of-{count}-{kind}-{number:03d}" for number in range(count)]


def break_everything(deployment, dead):
    """Two kinds of real changes that the earlier release can't take, and two of bad messages."""
    changes = [(one, "CLOSED") for one in customers("unknown", dead.unknown)]
    changes += [(one, "SUSPENDED") for one in customers("failing", dead.failing)]
    for start in range(0, len(changes), 25):
        requests = [
            {"PutRequest": {"Item": {"customer_id": {"S": one}, "status": {"S": status}}}}
            for one, status in changes[start : start + 25]
        ]
        deployment.client("dynamodb").batch_write_item(
            RequestItems={deployment.accounts_table: requests}
        )
    bodies = [misshapen(one) for one in customers("misshapen", dead.misshapen)]
    bodies += [f'{{"drill": {number}' for number in range(dead.garbage)]
    for start in range(0, len(bodies), 10):
        deployment.client("sqs").send_message_batch(
            QueueUrl=deployment.queue_url,
            Entries=[
                {"Id": str(index), "MessageBody": body}
                for index, body in enumerate(bodies[start : start + 10])
            ],
        )


def misshapen(customer):
    document = to_document(live(5, customer_id=customer))
    document["data"]["change"] = "updated"
    return json.dumps(document)


def dead_count(deployment):
    found = deployment.client("sqs").get_queue_attributes(
        QueueUrl=deployment.dlq_url, AttributeNames=["All"]
    )["Attributes"]
    return int(found["ApproximateNumberOfMessages"])


def killed_in_the_middle(fanout, *command):
    """Start it, and kill it as soon as the journal says that some of the work is done."""
    process = fanout.start(*command)

    def ended():
        journals = (path.read_text() for path in fanout.runs.glob("*.jsonl"))
        return sum(text.count('"kind":"ended"') for text in journals)

    eventually(lambda: ended() >= 2 or process.poll() is not None, "the replay to be under way")
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"


def fates(fanout, run, path):
    """Each message of a run and how it ended."""
    runs = {one["run_id"]: one for one in fanout("runs", "list")["runs"]}
    code = int("UNREADABLE" in runs[run]["fates"])
    fanout("runs", "show", run, "--messages", str(path), expect=code)
    lines = map(json.loads, path.read_text().splitlines())
    return {line["id"]: line["fate"] for line in lines}


def rows(deployment, names):
    client = deployment.client("dynamodb")
    found = {}
    for name in names:
        key = {"customer_id": {"S": name}}
        item = client.get_item(TableName=deployment.payments_table, Key=key).get("Item", {})
        found[name] = item.get("status", {}).get("S")
    return found


@pytest.mark.parametrize(
    "dead",
    [
        pytest.param(FEW, id="few"),
        pytest.param(OF_THE_PAGE, id="500", marks=pytest.mark.exhaustive),
    ],
)
def test_the_drill(deployment, fanout, tmp_path, dead):
    with earlier_release(deployment):
        break_everything(deployment, dead)
        next(count for count in looks(lambda: dead_count(deployment)) if count == dead.all)

    # What is dead, and why?
    [payments] = fanout("dlq", "list")["subscribers"]
    assert payments["dlq"]["visible"] == dead.all
    groups = fanout("dlq", "show", "payments", *HOLD)["groups"]
    assert {(one["reason"], one["count"]) for one in groups} == {
        ("UnknownStatus", dead.unknown),
        ("NeverRan", dead.failing),
        ("SchemaViolation", dead.misshapen),
        ("NotJson", dead.garbage),
    }

    # The corrected consumer is deployed; everything is tried, and the first try is killed.
    replay = ("dlq", "replay", "payments", "--through", "consumer", "--failure-rate-max", "1")
    killed_in_the_middle(fanout, *replay, "--execute", *HOLD)
    replayed = fanout("runs", "resume", "last", expect=1)
    assert replayed["selected"] == dead.all
    assert replayed["fates"].pop("UNREADABLE") == dead.misshapen + dead.garbage
    assert sum(replayed["fates"].values()) == dead.unknown + dead.failing
    assert set(replayed["fates"]) <= {"APPLIED", "DUPLICATE"}
    assert set(rows(deployment, customers("unknown", dead.unknown)).values()) == {"CLOSED"}
    assert set(rows(deployment, customers("failing", dead.failing)).values()) == {"SUSPENDED"}

    # One cause can be edited; the rest is thrown away, with a reason and a file.
    patch, gone = tmp_path / "patch.json", tmp_path / "gone.jsonl"
    patch.write_text(json.dumps(PATCH))
    by_reason = ("--where-reason", "SchemaViolation", "--patch", str(patch))
    edited = fanout("dlq", "edit", "payments", *by_reason, "--execute", *HOLD)
    assert edited["fates"] == {"SENT": dead.misshapen}
    why = ("--where-reason", "NotJson", "--because", "no events: a load test's", "--to", str(gone))
    discarded = fanout("dlq", "discard", "payments", *why, "--execute", *HOLD)
    assert discarded["fates"] == {"DISCARDED": dead.garbage}
    assert len(gone.read_text().splitlines()) == dead.garbage

    # Nothing is dead, the rows are there, and each message has an end.
    assert fanout("dlq", "list")["subscribers"][0]["dlq"]["visible"] == 0
    eventually(
        lambda: None not in rows(deployment, customers("misshapen", dead.misshapen)).values(),
        "the edited ones to be applied",
    )
    ends = {}
    for number, run in enumerate((replayed, edited, discarded)):
        ends |= fates(fanout, run["run_id"], tmp_path / f"{number}.jsonl")
    assert len(ends) == dead.all
    assert set(ends.values()) <= {"APPLIED", "DUPLICATE", "SENT", "DISCARDED"}
    for customer in customers("misshapen", dead.misshapen):  # of whom Accounts knows nothing
        deployment.client("dynamodb").delete_item(
            TableName=deployment.payments_table, Key={"customer_id": {"S": customer}}
        )
