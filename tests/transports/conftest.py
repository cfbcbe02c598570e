"""Rigs of the transports on moto, each test with its own.

moto makes a parser of each path in a target's input, for each event: once for each path is enough.
"""

import functools
import gc

import jsonpath_ng.ext
import pytest
from moto import mock_aws

from transports.transport_rigs import REGION, RIGS

_UNSET = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "EVENT_SOURCE",
    "MESSAGE_SIZE_MAX_BYTES",
    "PIPE_BATCH_SIZE",
    "PUBLISH_VERSIONS",
    "SEQUENCE_ATTRIBUTE",
)

jsonpath_ng.ext.parse = functools.cache(jsonpath_ng.ext.parse)


@pytest.fixture
def make_rig(monkeypatch):
    for name in _UNSET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with mock_aws():
        yield lambda name: RIGS[name](monkeypatch)
