"""TLS as botocore does it, but for the CA bundle, which is read once for all connections."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.endpoint import EndpointCreator
from botocore.exceptions import SSLError
from botocore.session import Session

from cold_start import clients
from event_consumer import latest_state_consumer
from publisher import bootstrap
from unit.cold_start.tls_server import Authority, serving
from unit.event_consumer.consumer_samples import ENVIRONMENT, live, record

CONNECTIONS = 10


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """The CA that the process trusts."""
    authority = Authority(tmp_path / "trusted")
    for name, value in {
        "AWS_CA_BUNDLE": str(authority.bundle),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    return authority


@pytest.fixture
def changed_botocore(monkeypatch):
    """One that keeps its HTTP session elsewhere than where we look for it."""
    create = EndpointCreator.create_endpoint

    def create_otherwise(creator, *arguments, **options):
        endpoint = create(creator, *arguments, **options)
        endpoint._send = endpoint.http_session.send
        del endpoint.http_session
        return endpoint

    monkeypatch.setattr(EndpointCreator, "create_endpoint", create_otherwise)
    clients._warn_once.cache_clear()


def client_of(served, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
    return clients.create_client(
        Session(),
        "dynamodb",
        component="consumer",
        attempts_max=1,
        connections_max=CONNECTIONS,
        connect_timeout_seconds=60,
        read_timeout_seconds=60,
        region_name="eu-west-1",
    )


def test_the_bundle_is_read_once_for_all_connections_of_all_clients(authority, monkeypatch):
    """It is gone after the first client was made: whoever read it again would fail."""
    with serving(authority.issue()) as served:
        served.together = threading.Barrier(CONNECTIONS)
        first = client_of(served, monkeypatch)
        authority.bundle.unlink()
        second = client_of(served, monkeypatch)
        calls = [first.list_tables, second.list_tables] * (CONNECTIONS // 2)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda call: call(), calls))
    assert len(served.calls) == CONNECTIONS


def test_every_client_of_a_consumer_takes_the_bundle_that_was_read_when_it_was_built(
    authority, monkeypatch
):
    """The answer is no row, so the message is a bug's, which is delayed in the queue."""
    with serving(authority.issue()) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.url)
        handle = latest_state_consumer(lambda _: {}, ENVIRONMENT)
        authority.bundle.unlink()
        handle({"Records": [record(1, live(1))]}, None)
    assert served.calls == ["UpdateItem", "ChangeMessageVisibilityBatch"]


def test_the_publishers_client_takes_the_bundle_that_was_read_when_it_was_built(
    authority, monkeypatch
):
    with serving(authority.issue()) as served:
        served.answer = b"<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>"
        arn = "arn:aws:sns:eu-west-1:123456789012:topic"
        for name, value in {
            "AWS_ENDPOINT_URL": served.url,
            "BUS_ARN": arn,
            "DEPLOYMENT": "fanout",
            "FAILURE_BUCKET": "failures",
        }.items():
            monkeypatch.setenv(name, value)
        client = bootstrap.build().bus.calls.client
        authority.bundle.unlink()
        entries = [{"Id": "1", "Message": "x", "MessageAttributes": {}}]
        client.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert len(served.calls) == 1


REFUSED = {
    "an unknown CA": "unable to get local issuer certificate|signature failure",
    "a wrong host": "doesn't match|mismatch",
    "an expired certificate": "certificate has expired",
}


def certificate(authority, fault, tmp_path):
    if fault == "an unknown CA":
        return Authority(tmp_path / "unknown").issue()
    if fault == "a wrong host":
        return authority.issue("127.0.0.2")
    return authority.issue(until_year=2001)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_server_that_can_not_be_trusted_is_refused(fault, authority, tmp_path, monkeypatch):
    with serving(certificate(authority, fault, tmp_path)) as served:
        client = client_of(served, monkeypatch)
        for _ in range(2):
            with pytest.raises(SSLError, match=REFUSED[fault]):
                client.list_tables()
    assert served.calls == []


@pytest.mark.usefixtures("changed_botocore")
def test_with_another_botocore_its_own_way_is_taken_and_told_once(authority, monkeypatch, caplog):
    with serving(authority.issue()) as served:
        for _ in range(2):
            client_of(served, monkeypatch).list_tables()
    [warning] = caplog.messages
    assert "does not know the internals of botocore" in warning


@pytest.mark.usefixtures("changed_botocore")
@pytest.mark.parametrize("fault", REFUSED)
def test_botocores_own_way_refuses_the_same(fault, authority, tmp_path, monkeypatch):
    with serving(certificate(authority, fault, tmp_path)) as served:
        client = client_of(served, monkeypatch)
        with pytest.raises(SSLError, match=REFUSED[fault]):
            client.list_tables()


def test_a_missing_bundle_is_botocores_to_tell(authority, monkeypatch):
    authority.bundle.unlink()
    with serving(authority.issue()) as served:
        client = client_of(served, monkeypatch)
        with pytest.raises(SSLError, match="No such file"):
            client.list_tables()
