"""The page about a failover, step by step: its own commands decide what happens, on moto."""

import gc
import re
import shlex
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from docs.doc_blocks import ROOT
from event_consumer import latest_state_consumer
from fanout.accounts import reconcile as session
from fanout.cli import app
from fanout.runs.pace import Stopping
from infra.sam_template import read as read_template
from integration.payments_on_moto import as_lambda_record
from integration.seeding_on_moto import REGION, seeding_on_moto
from payments_consumer.standing import attributes
from publisher import bootstrap
from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import record

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/howto/fail-over-to-another-region.md"
FIRST, OTHER = "eu-central-1", REGION
NOW = datetime.now(UTC).replace(microsecond=0)
HISTORIES = {
    "quiet": [("PENDING", 30), ("ACTIVE", 20)],
    "busy": [("PENDING", 23), ("ACTIVE", 9), ("SUSPENDED", 1)],
    "gone": [("ACTIVE", 10), ("SUSPENDED", 9), (None, 8)],
    "unpublished": [("ACTIVE", 5), ("SUSPENDED", 4), ("CLOSED", 0.01)],
    "unreplicated": [("ACTIVE", 6), ("SUSPENDED", 0.1)],
}
"""By customer: statuses and how many hours ago each was written, all in the first Region."""
TRIMMED_HOURS = 24
REPLICATED = {"unreplicated": 1}
"""How many of a customer's changes had come to the other Region when the first one was lost."""
PUBLISHED = {"unpublished": 2}
"""How many the first Region had published by then."""


def records(customer, changes, *, first, lag_seconds, skip=0):
    """A replica's stream: numbers of its own, and times at which the writes came to it."""
    old = None
    for index, (new, hours) in enumerate(changes):
        made = record(old, new, customer_id=customer)
        at = NOW - timedelta(hours=hours) + timedelta(seconds=lag_seconds)
        made["dynamodb"]["ApproximateCreationDateTime"] = int(at.timestamp())
        made["dynamodb"]["SequenceNumber"] = str(first + int(at.timestamp()))
        made["eventID"] = uuid4().hex
        if index >= skip:
            yield made
        old = new


def streams():
    first, other = [], []
    for customer, changes in HISTORIES.items():
        published = changes[: PUBLISHED.get(customer, 99)]
        first += records(customer, published, first=9 * 10**23, lag_seconds=0)
        old = sum(hours > TRIMMED_HOURS for _, hours in changes)
        came = changes[: REPLICATED.get(customer, 99)]
        other += records(customer, came, first=10**20, lag_seconds=1, skip=old)
    return {FIRST: in_order(first), OTHER: in_order(other)}


def in_order(found):
    return sorted(found, key=lambda one: int(one["dynamodb"]["SequenceNumber"]))


class TwoRegions:
    """Two deployments, of which one publishes; the subscriber's table is replicated.

    One topic and one queue stand for those of both Regions, since nothing tells them apart.
    """

    def __init__(self, deployment, monkeypatch):
        self._deployment = deployment
        self._monkeypatch = monkeypatch
        self._streams = streams()
        self._read = {FIRST: 0, OTHER: 0}
        self._numbers = count(3 * 10**20)
        self._seen = {}
        self.settings = {
            FIRST: {"SequenceEpoch": "1", "StreamMappingEnabled": "true"},
            OTHER: {"SequenceEpoch": "1", "StreamMappingEnabled": "false"},
        }
        self.exit_codes = []
        facts = deployment.facts
        self._consume = latest_state_consumer(
            attributes,
            {
                "DEPLOYMENT": "fanout",
                "CONSUMER_NAME": "payments",
                "QUEUE_URL": facts["queue_url"],
                "DLQ_URL": facts["dlq_url"],
                "TABLE_NAME": facts["table"],
            },
        )

    # What the page's commands do

    def perform(self, words):
        match words:
            case ["aws", "lambda", "update-event-source-mapping", *_] if "--no-enabled" in words:
                self.settings[region_of(words)]["StreamMappingEnabled"] = "false"
            case ["aws", "ssm", "get-parameter", *_]:
                name = words[words.index("--name") + 1]
                self._deployment.clients["ssm"].get_parameter(Name=name)
            case ["sam", "build"]:
                pass
            case ["sam", "deploy", *_]:
                given = words[words.index("--parameter-overrides") + 1 :]
                self.settings[region_of(words)] |= dict(one.split("=") for one in given)
                epoch = int(self.settings[OTHER]["SequenceEpoch"])
                self._deployment.publisher(sequence_epoch=epoch)
            case ["fanout", "--region", region, *rest]:
                if region == OTHER:
                    options = ["--json"]
                    options += ["--grace-seconds", "0"] if "reconcile" in rest else []
                    done = CliRunner().invoke(app, ["--region", region, *rest, *options])
                    self.exit_codes.append((" ".join(rest), done.exit_code))
            case _:
                raise AssertionError(f"the test does not know {words}")
        self.work()

    def work(self):
        for region, stream in self._streams.items():
            if self.settings[region]["StreamMappingEnabled"] == "true":
                batch = stream[self._read[region] :]
                self._read[region] = len(stream)
                self._publish(region, batch)
        self.consume()

    def consume(self):
        for message in self._deployment.messages():
            arn = self._deployment.facts["queue_arn"]
            answer = self._consume({"Records": [as_lambda_record(message, arn)]}, None)
            assert answer == {"batchItemFailures": []}
            self._look()

    def _publish(self, region, batch):
        environment = {
            "BUS_ARN": self._deployment.topic_arn,
            "FAILURE_BUCKET": "failures",
            "DEPLOYMENT": "fanout",
            "SEQUENCE_EPOCH": self.settings[region]["SequenceEpoch"],
            "POWERTOOLS_SERVICE_NAME": f"publisher-{uuid4()}",
        }
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        if batch:
            answer = bootstrap.build()({"Records": batch}, FakeContext(60_000))
            assert answer == {"batchItemFailures": []}

    # What happens around them

    def write(self, customer, status):
        """A change in the other Region, after the failover."""
        self._deployment.put(customer, status)
        old = HISTORIES[customer][-1][0]
        made = record(old, status, customer_id=customer)
        made["dynamodb"]["ApproximateCreationDateTime"] = int(NOW.timestamp()) + 60
        made["dynamodb"]["SequenceNumber"] = str(next(self._numbers))
        self._streams[OTHER].append(made)
        self.work()

    def rows(self):
        table = self._deployment.facts["table"]
        items = self._deployment.clients["dynamodb"].scan(TableName=table)["Items"]
        return {one["customer_id"]["S"]: one["status"]["S"] for one in items}

    def _look(self):
        """No row goes back, at any write."""
        for customer, status in self.rows().items():
            if customer not in REPLICATED:  # there the repair goes back, as Accounts did
                statuses = [new or "REMOVED" for new, _ in HISTORIES[customer]]
                now = statuses.index(status) if status in statuses else len(statuses)
                assert now >= self._seen.get(customer, 0), (customer, status)
                self._seen[customer] = now


def region_of(words):
    return words[words.index("--region") + 1]


def steps():
    """The commands of each numbered step, by its title."""
    found = {}
    for part in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title = part.splitlines()[0]
        if re.match(r"[0-9]\. ", title):
            found[title[3:]] = [words for block in shown(part) for words in words_of(block)]
    return found


def shown(part):
    return re.findall(r"^```sh\n(.*?)^```", part, re.DOTALL | re.MULTILINE)


def words_of(block):
    lines = [line for line in block.replace("\\\n", " ").splitlines() if line]
    return [shlex.split(line) for line in lines if not line.startswith("MAPPING=")]


@pytest.fixture
def regions(tmp_path, monkeypatch):
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(session, "VERIFY_MIN_SECONDS", 60)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with seeding_on_moto(tmp_path) as deployment:
        for customer, changes in HISTORIES.items():
            status = changes[: REPLICATED.get(customer, 99)][-1][0]
            if status is not None:
                deployment.put(customer, status)
        both = TwoRegions(deployment, monkeypatch)
        monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: 0.0))
        monkeypatch.setattr(Stopping, "wait", lambda *_: both.consume())
        both.work()
        yield both


def test_a_failover_by_the_page_loses_nothing_and_takes_no_row_back(regions):
    before = {
        "quiet": "ACTIVE",
        "busy": "SUSPENDED",
        "gone": "REMOVED",
        "unpublished": "SUSPENDED",
        "unreplicated": "SUSPENDED",
    }
    assert regions.rows() == before
    for commands in steps().values():
        for words in commands:
            regions.perform(words)
    assert regions.rows() == before | {"unpublished": "CLOSED", "unreplicated": "ACTIVE"}
    regions.write("quiet", "SUSPENDED")
    regions.write("busy", "CLOSED")
    assert (regions.rows()["quiet"], regions.rows()["busy"]) == ("SUSPENDED", "CLOSED")
    assert regions.exit_codes == [
        ("failures list", 0),
        ("dlq show payments", 0),
        ("reconcile payments", 1),
        ("reconcile payments --repair --execute", 0),
    ]


def test_without_the_raised_epoch_changes_after_the_failover_would_not_arrive(regions):
    for commands in steps().values():
        for words in commands:
            regions.perform([one.replace("SequenceEpoch=2", "SequenceEpoch=1") for one in words])
    regions.write("busy", "CLOSED")
    assert regions.rows()["busy"] == "SUSPENDED"


def test_the_epoch_is_raised_before_the_mapping_is_started():
    commands = [
        words for step in steps().values() for words in step if words[:2] == ["sam", "deploy"]
    ]
    settings = [words[words.index("--parameter-overrides") + 1 :] for words in commands]
    assert settings == [
        ["SequenceEpoch=2", "StreamMappingEnabled=false"],
        ["SequenceEpoch=2", "StreamMappingEnabled=true"],
    ]
    assert {region_of(words) for words in commands} == {OTHER}


def test_every_setting_that_the_page_names_exists():
    text = PAGE.read_text(encoding="utf-8")
    parameters = read_template()["Parameters"]
    for name in ("Prefix", "EventSource", "SequenceAttribute", "AccountsStreamArn"):
        assert f"`{name}`" in text
        assert name in parameters
    for name in re.findall(r"\b([A-Z][A-Za-z]+)=(?:[0-9]|true|false)", text):
        assert name in parameters
    variables = (ROOT / "infra/terraform/modules/stream_publisher/variables.tf").read_text()
    for name in ("mapping_enabled", "sequence_epoch"):
        assert f"`{name}`" in text
        assert f'variable "{name}"' in variables
