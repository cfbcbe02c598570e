"""The how-to adds the worked example to a copy of this project, deploys it, and sees it work."""

import re

import pytest

from docs.doc_blocks import ROOT
from project_copy import as_script, copy_project, run

PAGE = ROOT / "docs/howto/add-an-event-type.md"
FILES = ROOT / "examples/customer_email_changed/files"
REDELIVERED = """
python - <<'END'
import boto3, time
from dataclasses import replace
from customer_events.identity import event_id
from customer_events.sequence import sequence
from publisher.events import Producer
from publisher.other_events.customer_email_changed import entries
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules

table = boto3.resource("dynamodb").Table("fanout-takeover")
sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="fanout-takeover")["QueueUrl"]

def number_of(row):
    return int(row["sequence"].split(".")[1])

def row(customer):
    return table.get_item(Key={"customer_id": customer}, ConsistentRead=True).get("Item")

def send(customer, number):
    key = {"customer_id": {"S": customer}}
    stream = {
        "Keys": key, "OldImage": key, "NewImage": key | {"email": {"S": "x"}},
        "SequenceNumber": str(number), "ApproximateCreationDateTime": 2_000_000_000,
    }
    record = StreamRecord({"eventName": "MODIFY", "dynamodb": stream})
    producer = Producer(source="urn:novapay:accounts", epoch=1, versions=(2,))
    [entry] = entries(record, TableRules(), producer)
    sqs.send_message(QueueUrl=url, MessageBody=entry.document)

before = row("c-1")
send("c-1", number_of(before) - 1)
names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
for _ in range(240):
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    if not any(map(int, counts.values())):
        break
    time.sleep(0.25)
else:
    raise SystemExit("the stale event is still in the queue")
assert row("c-1") == before, row("c-1")
for queue in ("fanout-takeover-dlq", "fanout-payments-dlq"):
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert not any(map(int, counts.values())), (queue, counts)
END
"""


CHANGED = {
    "docs/catalogue.html",
    "pyproject.toml",
    "schemas/asyncapi.yaml",
    "schemas/envelope.schema.json",
    "schemas/frozen.json",
    "src/customer_events/registry.json",
    "src/publisher/other_events/__init__.py",
}
"""What is generated, the import rules, and the one line that names the event."""


@pytest.fixture
def clone(tmp_path):
    folder = copy_project(tmp_path / "clone")
    yield folder
    run(folder, "fanout local down", check=False)


@pytest.mark.slow
def test_the_page_publishes_the_event_and_a_stale_one_moves_no_row_back(clone):
    script = as_script(PAGE)
    done = run(clone, script[: script.rindex("fanout local down")] + REDELIVERED)
    assert re.search(r"c-1 changed at 20\d\d-", done.stdout)
    assert re.search(r"takeover +│ +1 .*current version", done.stdout)
    status = run(clone, "git status --porcelain -uno").stdout
    assert {line[3:] for line in status.splitlines()} == CHANGED
    names = [path.relative_to(FILES).as_posix() for path in FILES.rglob("*.py")]
    run(
        clone,
        f"python -m ruff check {' '.join(names)}\n"
        f"python -m ruff format --check {' '.join(names)}\n"
        "lint-imports --no-cache",
    )


def test_the_code_on_the_page_is_that_of_the_example():
    code = re.findall(r"^( *)```python\n(.*?)^ *```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    sources = "\n".join(path.read_text() for path in FILES.rglob("*.py"))
    assert code
    for indent, block in code:
        assert re.sub(f"^{indent}", "", block, flags=re.MULTILINE).strip() in sources
