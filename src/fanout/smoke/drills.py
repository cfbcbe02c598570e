"""What an operator has to be able to rely on, tried once. Each drill uses customers of its own."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.event import NEWEST_MAJOR, TYPE_PREFIX, Status
from fanout.smoke.site import NotInTime, Site, event_for

POISON = '{"smoke"'
_THROTTLED_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a drill saw. `good` is None where it could not be asked here."""

    drill: str
    good: bool | None
    seconds: float
    saw: str

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return asdict(self)


class NotAsked(Exception):
    """The embedded AWS can't answer; the text says why."""


def run_drills(site: Site, tell: Callable[[str], None]) -> list[Finding]:
    """All drills, one after the other; a failed one does not stop the rest."""
    findings = []
    for name, drill in DRILLS.items():
        tell(f"drill: {name}")
        began = time.monotonic()
        good: bool | None = True
        try:
            saw = drill(site)
        except NotAsked as reason:
            good, saw = None, str(reason)
        except (NotInTime, ClientError, BotoCoreError) as error:
            good, saw = False, str(error)
        seconds = round(time.monotonic() - began, 1)
        findings.append(Finding(drill=name, good=good, seconds=seconds, saw=saw))
    return findings


# Private functions


def _change(site: Site) -> str:
    seconds = []
    for status in ("ACTIVE", "SUSPENDED"):
        site.put("smoke-change", status)
        seconds.append(site.await_status("smoke-change", status))
    return f"rows after {seconds[0]:.1f} s (first, cold) and {seconds[1]:.1f} s"


def _poison(site: Site) -> str:
    sqs = site.client("sqs")
    sqs.send_message(QueueUrl=site.payments.queue_url, MessageBody=POISON)
    dead = site.await_true(lambda: _dead(site, POISON), "the poison message in the DLQ")
    site.put("smoke-after-poison", "ACTIVE")
    site.await_status("smoke-after-poison", "ACTIVE")
    reason = dead.get("MessageAttributes", {}).get("parked_reason", {}).get("StringValue")
    return f"parked as {reason}, and the next change arrived"


def _replay(site: Site) -> str:
    customer = "smoke-replay"
    body = event_for(site, customer, Status.ACTIVE)
    site.client("sqs").send_message(QueueUrl=site.payments.dlq_url, MessageBody=body)
    replay = ("dlq", "replay", "payments", "--customer", customer, "--execute")
    site.fanout(*replay)
    site.await_status(customer, "ACTIVE")
    return "a dead event came back by `fanout dlq replay`"


def _recover(site: Site) -> str:
    """Break the publisher's setting, so that a good change is parked; mend it; recover."""
    functions, name = site.client("lambda"), site.publisher.function_name
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    customer = "smoke-recover"
    try:
        _configure(site, name, variables | {"STATUS_ATTRIBUTE": "no_such_attribute"})
        site.put(customer, "ACTIVE")
        site.await_true(lambda: _parked(site, customer), "the record in the failure store")
    finally:
        _configure(site, name, variables)
    site.fanout("publisher", "failures", "recover", "--customer", customer, "--execute")
    site.await_status(customer, "ACTIVE")
    return "a record that was parked came back by `fanout publisher failures recover`"


def _filter(site: Site) -> str:
    if site.bus.transport != "sns":
        raise NotAsked(f"the bus is {site.bus.transport}; the drill is for an SNS standard topic")
    sns = site.client("sns")
    for customer, major in (("smoke-filtered-out", 1), ("smoke-filtered-in", NEWEST_MAJOR)):
        sns.publish(
            TopicArn=site.bus.arn,
            Message=event_for(site, customer, Status.ACTIVE),
            MessageAttributes={
                "type": {"DataType": "String", "StringValue": f"{TYPE_PREFIX}{major}"}
            },
        )
    site.await_status("smoke-filtered-in", "ACTIVE")
    if site.status("smoke-filtered-out"):
        raise NotInTime("the filter let an event pass that it should hold back")
    return "the other version was held back, ours arrived"


def _throttle(site: Site) -> str:
    functions, name = site.client("lambda"), site.payments.function_name
    customer = "smoke-throttle"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        site.put(customer, "ACTIVE")
        time.sleep(_THROTTLED_SECONDS)  # the drill: nothing may arrive in this time
        arrived = site.status(customer)
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    if arrived and site.local:
        raise NotAsked("the embedded AWS goes on in spite of a reserved concurrency of 0")
    if arrived:
        raise NotInTime("a throttled consumer went on")
    seconds = site.await_status(customer, "ACTIVE")
    return f"nothing for {_THROTTLED_SECONDS} s, the row {seconds:.1f} s after the release"


def _configure(site: Site, name: str, variables: dict[str, str]) -> None:
    functions = site.client("lambda")
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def _dead(site: Site, body: str) -> dict[str, Any] | None:
    """The dead message with this body; whatever is received becomes visible again at once."""
    received = site.client("sqs").receive_message(
        QueueUrl=site.payments.dlq_url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
    )
    return next((one for one in received.get("Messages", []) if one["Body"] == body), None)


def _parked(site: Site, customer: str) -> bool:
    s3, bucket = site.client("s3"), site.publisher.failure_bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix="parked/").get("Contents", [])
    for one in found:
        document = json.load(s3.get_object(Bucket=bucket, Key=one["Key"])["Body"])
        with suppress(KeyError, TypeError):
            keys = document["record"]["dynamodb"]["Keys"]
            if keys[site.publisher.customer_id_attribute]["S"] == customer:
                return True
    return False


DRILLS: dict[str, Callable[[Site], str]] = {
    "change to row": _change,
    "poison": _poison,
    "replay": _replay,
    "recover": _recover,
    "filter": _filter,
    "throttle": _throttle,
}
