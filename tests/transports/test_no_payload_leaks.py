"""A canary in every record never comes out of the publisher, on a bus or in a pipe."""

import logging
import traceback
from copy import deepcopy

import boto3
import pytest

from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import UNCHANGED, record

CANARY = "CANARY-e7c1"


def records():
    changed = [
        record("ACTIVE", "CLOSED", customer_id=CANARY),
        record("ACTIVE", {"S": CANARY}, customer_id=CANARY, number=1),
        record("ACTIVE", UNCHANGED, customer_id=CANARY, number=2, note={"S": CANARY}),
        record("ACTIVE", "CLOSED", customer_id={"M": {CANARY: {"S": CANARY}}}, number=3),
    ]
    nameless = deepcopy(changed[1])
    nameless["eventID"] = CANARY
    return [*changed, nameless, {CANARY: CANARY}]


@pytest.mark.parametrize("fault", ["none", "no store", "no bus"])
@pytest.mark.parametrize("name", ["eventbridge", "pipes"])
def test_no_log_and_no_exception_holds_a_payload(make_rig, capsys, caplog, name, fault):
    caplog.set_level(logging.DEBUG, logger="publisher")
    rig = make_rig(name)
    if fault == "no store":
        boto3.client("s3").delete_bucket(Bucket="fanout-failures")
    if fault == "no bus":
        rig.events.remove_targets(Rule="all", EventBusName="customer-status", Ids=["queue"])
        rig.events.delete_rule(Name="all", EventBusName="customer-status")
        rig.events.delete_event_bus(Name="customer-status")
    said = []
    for batch in ({"Records": records()}, records(), [CANARY], CANARY):
        try:
            answer = rig.handler(batch, FakeContext(400))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not quote a record
            said.append("".join(traceback.format_exception(error)))
        else:
            assert name == "pipes" or CANARY not in str(answer)
    captured = capsys.readouterr()
    told = captured.out + captured.err + caplog.text + "".join(said)
    assert "BatchFailed" in told
    assert '"records":' in told
    assert CANARY not in told
