"""An EventBridge archive, replayed to one subscriber on the embedded AWS.

MiniStack replays; it does not keep to `FilterArns`, so that only this subscriber hears of it is
proved by what is asked of AWS (`unit/fanout/archive`).
"""

import json
import time
import uuid

import pytest

from fanout import cli
from fanout.local.deployment import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def bus(bare_emulator, monkeypatch):
    """A bus with an archive, and a subscriber's queue behind a rule; its prefix."""
    prefix = f"archive-{uuid.uuid4().hex[:8]}"
    events, sqs = bare_emulator.client("events"), bare_emulator.client("sqs")
    bus_arn = events.create_event_bus(Name=prefix)["EventBusArn"]
    url = sqs.create_queue(QueueName=prefix)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = json.dumps({"source": ["urn:test"]})
    events.put_rule(Name=prefix, EventBusName=prefix, EventPattern=pattern)
    target = {"Id": "q", "Arn": queue_arn, "InputPath": "$.detail"}
    events.put_targets(Rule=prefix, EventBusName=prefix, Targets=[target])
    events.create_archive(ArchiveName=prefix, EventSourceArn=bus_arn)
    subscriber = {"name": "fraud", "queue_url": url, "queue_arn": queue_arn}
    subscriber |= {"dlq_url": url, "dlq_arn": queue_arn}
    for name, value in [
        ("bus", {"transport": "eventbridge", "arn": bus_arn}),
        ("subscribers/fraud", subscriber),
    ]:
        bare_emulator.client("ssm").put_parameter(
            Name=f"/{prefix}/{name}", Type="String", Value=json.dumps(value)
        )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
    return prefix, url


def test_archived_events_come_again_to_the_subscribers_queue(
    bus, bare_emulator, monkeypatch, capsys
):
    prefix, url = bus
    sqs = bare_emulator.client("sqs")

    def receive():
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"]) for one in found]

    def fanout(*arguments):
        target = bare_emulator.target
        where = ("--prefix", prefix, "--region", target.region)
        monkeypatch.setattr(
            "sys.argv", ["fanout", *where, "--endpoint-url", target.endpoint_url, *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return json.loads(said.out)

    entry = {"EventBusName": prefix, "Source": "urn:test", "DetailType": "CustomerStatusChanged"}
    bare_emulator.client("events").put_events(Entries=[entry | {"Detail": '{"id": "e-1"}'}])
    assert eventually(receive, "the event") == [{"id": "e-1"}]
    replay = ("archive", "replay", "fraud", "--from", "1h", "--json")
    plan = fanout(*replay)
    assert plan["only_to"][0].endswith(prefix)
    assert receive() == []
    time.sleep(1.1)  # AWS takes the window in whole seconds, and it ends now
    assert fanout(*replay, "--execute")["state"] == "COMPLETED"
    assert eventually(receive, "the event again") == [{"id": "e-1"}]
