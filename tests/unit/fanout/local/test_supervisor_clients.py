"""How the supervisor's stream pollers ask the emulator, and which streams they follow."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from fanout.local import supervisor
from fanout.local.stack import load_template
from fanout.streams.poller import PollerStatus, merged
from unit.fanout.local.test_local_deployment import DEPLOYMENT


def test_an_answer_of_the_slowest_publisher_is_waited_for_and_a_dead_emulator_is_not(monkeypatch):
    monkeypatch.setattr(supervisor, "StreamPoller", lambda **made: made)
    made = supervisor.make_poller(DEPLOYMENT.target(), DEPLOYMENT.publisher_mapping_id)
    [timeout] = [
        one["Properties"]["Timeout"]
        for one in load_template()["Resources"].values()
        if one["Type"] == "AWS::Serverless::Function"
        and one["Properties"]["Handler"].startswith("publisher.lambda_entry")
    ]
    for name in ("dynamodbstreams", "lambda_client", "s3"):
        config = made[name].meta.config
        assert timeout < config.read_timeout <= 2 * timeout
        assert 1 <= config.connect_timeout <= 5
        assert config.retries["total_max_attempts"] == 1, "it tries again itself"


class Poller:
    """Stands for a `StreamPoller`: runs until it is stopped, and has read some records."""

    def __init__(self, records_read):
        self._status = PollerStatus(records_read=records_read, is_caught_up=True)

    def run(self, stop):
        stop.wait()

    def status(self):
        return self._status


@pytest.fixture
def deployed(monkeypatch):
    """Mappings by id and source, as Lambda lists them, and the pollers that follow the streams."""
    mappings = {}
    made = {"tables": Poller(3), "others": Poller(4)}
    monkeypatch.setattr(supervisor, "make_poller", lambda _, mapping_id: made[mapping_id])

    def paginate():
        if None in mappings:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
        yield {
            "EventSourceMappings": [
                {"UUID": name, "EventSourceArn": f"arn:aws:{source}:eu-west-1:000000000000:it"}
                for name, source in mappings.items()
            ]
        }

    client = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    pollers = supervisor.StreamPollers(SimpleNamespace(client=lambda _: client))
    yield SimpleNamespace(mappings=mappings, pollers=pollers)
    pollers.end()


def test_every_stream_mapping_is_followed_from_its_deployment_to_its_deletion(deployed):
    deployed.pollers.follow_all()
    assert deployed.pollers.status().records_read == 0
    deployed.mappings |= {"tables": "dynamodb", "others": "dynamodb", "queues": "sqs"}
    deployed.pollers.follow_all()
    assert deployed.pollers.status().records_read == 7
    del deployed.mappings["others"]
    deployed.pollers.follow_all()
    assert deployed.pollers.status().records_read == 3
    assert deployed.pollers.are_alive()


def test_an_emulator_that_does_not_answer_is_asked_again(deployed):
    deployed.mappings |= {"tables": "dynamodb"}
    deployed.pollers.follow_all()
    deployed.mappings[None] = "broken"
    deployed.pollers.follow_all()
    assert deployed.pollers.status().records_read == 3


def test_pollers_count_together():
    behind = PollerStatus(pending_records=1, records_read=2, oldest_pending_at=5.0)
    quiet = PollerStatus(records_read=3, is_caught_up=True, last_error="Throttled")
    assert merged([behind, quiet]) == PollerStatus(
        pending_records=1, records_read=5, oldest_pending_at=5.0, last_error="Throttled"
    )
