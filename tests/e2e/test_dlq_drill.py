"""The drill: 500 dead messages of four causes, a kill in the middle, and every one accounted for.

Two causes end with the deployment of a corrected consumer, one with an edit, and one can't be
helped. What is typed is what docs/howto/the-drill.md shows.
"""

import io
import json
import signal
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from customer_events.encoder import to_document
from e2e.fanout_command import Fanout
from fanout.local.runtime import running
from fanout.packaging.build import build_package
from unit.event_consumer.consumer_samples import live

pytestmark = pytest.mark.slow

UNKNOWN, FAILING, MISSHAPEN, GARBAGE = 150, 150, 100, 100
ALL = UNKNOWN + FAILING + MISSHAPEN + GARBAGE
PATCH = [{"op": "replace", "path": "/data/change", "value": "changed"}]
DEADLINE_SECONDS = 180
HOLD = ("--hold", "5s")
EARLIER = Path(__file__).parent / "earlier_release.py"
HANDLER = "payments_consumer.lambda_entry.lambda_handler"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A deployment whose consumer is an earlier release, and in which messages die quickly."""
    folder = tmp_path_factory.mktemp("drill")
    with running(folder / "state") as deployment:
        package = build_package("payments_consumer", output=folder).path.read_bytes()
        system = SimpleNamespace(
            deployment=deployment,
            package=package,
            folder=folder,
            fanout=Fanout(deployment=deployment, state=folder / "operator"),
        )
        deploy(system, with_module(package, EARLIER), "earlier_release.lambda_handler")
        let_messages_die_at_the_second_failure(deployment)
        yield system


def deploy(system, package, handler):
    client = system.deployment.client("lambda")
    name = system.deployment.payments_function
    client.update_function_code(FunctionName=name, ZipFile=package)
    client.update_function_configuration(FunctionName=name, Handler=handler)


def with_module(package, module):
    archive = io.BytesIO(package)
    with zipfile.ZipFile(archive, "a") as file:
        file.write(module, module.name)
    return archive.getvalue()


def let_messages_die_at_the_second_failure(deployment):
    sqs = deployment.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=deployment.dlq_url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 2}
    sqs.set_queue_attributes(
        QueueUrl=deployment.queue_url, Attributes={"RedrivePolicy": json.dumps(policy)}
    )


def customers(kind, count):
    return [f"drill-{kind}-{number:03d}" for number in range(count)]


def break_everything(deployment):
    """Two kinds of real changes that the earlier release can't take, and two of bad messages."""
    changes = [(one, "CLOSED") for one in customers("unknown", UNKNOWN)]
    changes += [(one, "SUSPENDED") for one in customers("failing", FAILING)]
    for start in range(0, len(changes), 25):
        requests = [
            {"PutRequest": {"Item": {"customer_id": {"S": one}, "status": {"S": status}}}}
            for one, status in changes[start : start + 25]
        ]
        deployment.client("dynamodb").batch_write_item(
            RequestItems={deployment.accounts_table: requests}
        )
    bodies = [misshapen(one) for one in customers("misshapen", MISSHAPEN)]
    bodies += [f'{{"drill": {number}' for number in range(GARBAGE)]
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


def await_true(condition, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS} seconds: {what}"
        time.sleep(0.1)


def dead_count(deployment):
    found = deployment.client("sqs").get_queue_attributes(
        QueueUrl=deployment.dlq_url, AttributeNames=["All"]
    )["Attributes"]
    return int(found["ApproximateNumberOfMessages"])


def killed_in_the_middle(system, *command):
    """Start it, and kill it as soon as the journal says that some of the work is done."""
    process = system.fanout.start(*command)

    def ended():
        journals = (path.read_text() for path in system.fanout.runs.glob("*.jsonl"))
        return sum(text.count('"kind":"ended"') for text in journals)

    await_true(lambda: ended() >= 5 or process.poll() is not None, "the replay to be under way")
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"


def fates(system, run, path):
    """Each message of a run and how it ended."""
    system.fanout("runs", "show", run, "--messages", str(path), expect=run_code(system, run))
    lines = map(json.loads, path.read_text().splitlines())
    return {line["id"]: line["fate"] for line in lines}


def run_code(system, run):
    runs = {one["run_id"]: one for one in system.fanout("runs", "list")["runs"]}
    return int("UNREADABLE" in runs[run]["fates"])


def rows(deployment, names):
    client = deployment.client("dynamodb")
    found = {}
    for name in names:
        key = {"customer_id": {"S": name}}
        item = client.get_item(TableName=deployment.payments_table, Key=key).get("Item", {})
        found[name] = item.get("status", {}).get("S")
    return found


def test_the_drill(system, tmp_path):
    deployment, fanout = system.deployment, system.fanout
    break_everything(deployment)
    await_true(lambda: dead_count(deployment) == ALL, "all of them to be dead")

    # What is dead, and why?
    [payments] = fanout("dlq", "list")["subscribers"]
    assert payments["dlq"]["visible"] == ALL
    groups = fanout("dlq", "show", "payments", *HOLD)["groups"]
    assert {(one["reason"], one["count"]) for one in groups} == {
        ("UnknownStatus", UNKNOWN),
        ("NeverRan", FAILING),
        ("SchemaViolation", MISSHAPEN),
        ("NotJson", GARBAGE),
    }

    # The corrected consumer is deployed; everything is tried, and the first try is killed.
    deploy(system, system.package, HANDLER)
    replay = ("dlq", "replay", "payments", "--through", "consumer", "--failure-rate-max", "1")
    killed_in_the_middle(system, *replay, "--execute", *HOLD)
    replayed = fanout("runs", "resume", "last", expect=1)
    assert replayed["selected"] == ALL
    assert replayed["fates"].pop("UNREADABLE") == MISSHAPEN + GARBAGE
    assert sum(replayed["fates"].values()) == UNKNOWN + FAILING
    assert set(replayed["fates"]) <= {"APPLIED", "DUPLICATE"}
    assert set(rows(deployment, customers("unknown", UNKNOWN)).values()) == {"CLOSED"}
    assert set(rows(deployment, customers("failing", FAILING)).values()) == {"SUSPENDED"}

    # One cause can be edited; the rest is thrown away, with a reason and a file.
    patch, gone = tmp_path / "patch.json", tmp_path / "gone.jsonl"
    patch.write_text(json.dumps(PATCH))
    by_reason = ("--where-reason", "SchemaViolation", "--patch", str(patch))
    edited = fanout("dlq", "edit", "payments", *by_reason, "--execute", *HOLD)
    assert edited["fates"] == {"SENT": MISSHAPEN}
    why = ("--where-reason", "NotJson", "--because", "no events: a load test's", "--to", str(gone))
    discarded = fanout("dlq", "discard", "payments", *why, "--execute", *HOLD)
    assert discarded["fates"] == {"DISCARDED": GARBAGE}
    assert len(gone.read_text().splitlines()) == GARBAGE

    # Nothing is dead, the rows are there, and each of the 500 has an end.
    assert fanout("dlq", "list")["subscribers"][0]["dlq"]["visible"] == 0
    await_true(
        lambda: None not in rows(deployment, customers("misshapen", MISSHAPEN)).values(),
        "the edited ones to be applied",
    )
    ends = {}
    for number, run in enumerate((replayed, edited, discarded)):
        ends |= fates(system, run["run_id"], tmp_path / f"{number}.jsonl")
    assert len(ends) == ALL
    assert set(ends.values()) <= {"APPLIED", "DUPLICATE", "SENT", "DISCARDED"}
