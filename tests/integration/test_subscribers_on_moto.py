"""Who subscribes, and how one leaves: unsubscribed first, drained, and nothing deleted."""

import json
from types import SimpleNamespace

import boto3
import pytest

from aws_parts import moto_account
from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.subscribers import listing
from fanout.subscribers.listing import Coverage, coverage
from fanout.subscribers.removal import drain, read_removal, require_consumer, unsubscribe
from integration.seeding_on_moto import PUBLISHER

REGION = "eu-west-1"
FILTER = {"transition": [{"prefix": "CLOSED>"}, {"prefix": "NONE>"}, {"suffix": ">CLOSED"}]}


def deploy(transport):
    """A bus with one subscriber, whose consumer nobody knows."""
    sqs, ssm = boto3.client("sqs", REGION), boto3.client("ssm", REGION)
    urls = {one: sqs.create_queue(QueueName=f"fanout-{one}")["QueueUrl"] for one in ("risk", "dlq")}
    arn = f"arn:aws:sqs:{REGION}:123456789012:fanout-risk"
    if transport == "sns":
        sns = boto3.client("sns", REGION)
        bus = sns.create_topic(Name="events")["TopicArn"]
        sns.subscribe(TopicArn=bus, Protocol="sqs", Endpoint=arn)
    else:
        events = boto3.client("events", REGION)
        bus = events.create_event_bus(Name="events")["EventBusArn"]
        where = {"EventBusName": "events"}
        events.put_rule(Name="risk", EventPattern='{"source": ["x"]}', **where)
        events.put_targets(Rule="risk", Targets=[{"Id": "queue", "Arn": arn}], **where)
    facts = {
        "name": "risk",
        "queue_url": urls["risk"],
        "queue_arn": arn,
        "dlq_url": urls["dlq"],
        "dlq_arn": f"arn:aws:sqs:{REGION}:123456789012:fanout-dlq",
        "filter": FILTER,
        "versions": "2",
        "stack": "fanout-risk",
    }
    bus_facts = {"transport": transport, "arn": bus}
    documents = {"bus": bus_facts, "publisher": PUBLISHER, "subscribers/risk": facts}
    for name, document in documents.items():
        ssm.put_parameter(Name=f"/fanout/{name}", Type="String", Value=json.dumps(document))
    return SimpleNamespace(sqs=sqs, urls=urls, target=AwsTarget(prefix="fanout", region=REGION))


@pytest.fixture(params=["sns", "eventbridge"])
def deployed(request):
    with moto_account():
        yield deploy(request.param)


def test_a_look_changes_nothing_and_says_what_will_be_lost(deployed):
    deployed.sqs.send_message(QueueUrl=deployed.urls["risk"], MessageBody="{}")
    deployed.sqs.send_message(QueueUrl=deployed.urls["dlq"], MessageBody="{}")
    leaving = read_removal(deployed.target, "risk")
    text = " ".join(leaving.losses())
    assert len(leaving.deliveries) == 1
    assert leaving.subscriber.stack == "fanout-risk"
    assert "1 messages wait" in text
    assert "1 dead messages" in text
    assert read_removal(deployed.target, "risk") == leaving


def test_unsubscribed_nothing_leads_to_the_queue_and_what_is_in_it_stays(deployed):
    deployed.sqs.send_message(QueueUrl=deployed.urls["risk"], MessageBody="{}")
    leaving = read_removal(deployed.target, "risk")
    unsubscribe(deployed.target, leaving)
    after = read_removal(deployed.target, "risk")
    assert after.deliveries == ()
    assert after.queue.total == 1


def test_a_queue_that_nobody_known_empties_is_refused_before_anything_happens(deployed):
    require_consumer(read_removal(deployed.target, "risk"))
    deployed.sqs.send_message(QueueUrl=deployed.urls["risk"], MessageBody="{}")
    with pytest.raises(WrongUse, match="--abandon"):
        require_consumer(read_removal(deployed.target, "risk"))


def test_draining_waits_until_the_queue_stays_empty(deployed):
    deployed.sqs.send_message(QueueUrl=deployed.urls["risk"], MessageBody="{}")

    def consume(_seconds):
        for one in deployed.sqs.receive_message(QueueUrl=deployed.urls["risk"]).get("Messages", []):
            deployed.sqs.delete_message(
                QueueUrl=deployed.urls["risk"], ReceiptHandle=one["ReceiptHandle"]
            )

    leaving = read_removal(deployed.target, "risk")
    depths = drain(deployed.target, leaving, timeout_seconds=60, sleep=consume)
    assert [depth.total for depth in depths] == [1, 0, 0, 0]


def test_draining_gives_up_when_the_time_is_up_and_says_what_is_left(deployed):
    deployed.sqs.send_message(QueueUrl=deployed.urls["risk"], MessageBody="{}")
    clock = iter([0.0, 1.0, 99.0])
    *_, depth = drain(
        deployed.target,
        read_removal(deployed.target, "risk"),
        timeout_seconds=10,
        sleep=lambda _seconds: None,
        monotonic=lambda: next(clock),
    )
    assert depth.total == 1


def test_the_overview_tells_filter_versions_lag_and_coverage(deployed):
    deployed.sqs.send_message(QueueUrl=deployed.urls["risk"], MessageBody="{}")
    [view] = listing.view_all(deployed.target)
    assert view["statuses"] == ("CLOSED",)
    assert (view["behind"]["messages"], view["dead"]) == (1, 0)
    assert view["contract"] == Coverage.UNREGISTERED


@pytest.mark.parametrize(
    ("policy", "shown"),
    [
        ({"status": [{"prefix": "CLO"}]}, ("CLOSED",)),
        ({"status": ["CLOSED", "ACTIVE"]}, ("ACTIVE", "CLOSED")),
        ({"type": [{"prefix": "novapay."}]}, None),
        ({"detail": {"data": {"customer_id": [{"prefix": "C-"}]}}}, ()),
    ],
    ids=str,
)
def test_the_overview_shows_what_a_filter_follows_whatever_its_form(deployed, policy, shown):
    path = "/fanout/subscribers/risk"
    ssm = deployed.target.client("ssm")
    facts = json.loads(ssm.get_parameter(Name=path)["Parameter"]["Value"]) | {"filter": policy}
    ssm.put_parameter(Name=path, Value=json.dumps(facts), Overwrite=True)
    [view] = listing.view_all(deployed.target)
    assert view["statuses"] == shown


@pytest.mark.parametrize(
    ("subscribed", "registered", "expected"),
    [
        ((2,), (2,), Coverage.CURRENT),
        ((1,), (1, 2), Coverage.CURRENT),
        ((1,), (1,), Coverage.OLD_VERSION),
        ((1, 2), (2,), Coverage.OTHER_VERSIONS),
        ((2,), None, Coverage.UNREGISTERED),
    ],
)
def test_coverage_is_what_the_registry_lists_against_what_is_subscribed_and_published(
    subscribed, registered, expected
):
    assert coverage(subscribed, registered, 2) is expected


@pytest.mark.parametrize(
    "command", [("subscribers", "list"), ("dlq", "list"), ("dlq", "show", "risk")]
)
@pytest.mark.usefixtures("aws")
def test_a_prefix_under_which_nothing_is_deployed_is_said(fanout, command):
    ended = fanout("--prefix", "nope", *command)
    assert ended.code == 2
    assert "nothing is deployed under this prefix" in ended.err
    assert not ended.out


def test_a_deployment_without_subscribers_is_an_empty_list(aws, fanout):
    aws.client("ssm").put_parameter(
        Name="/fanout/bus", Type="String", Value='{"transport": "sns", "arn": "arn"}'
    )
    listed = fanout("subscribers", "list", "--json")
    assert (listed.code, json.loads(listed.out)) == (0, [])
