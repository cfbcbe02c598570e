"""Rigs of the transports on moto, each test with its own.

moto makes a parser of each path in a target's input, for each event: once for each path is enough.
"""

import functools
import gc

import jsonpath_ng.ext
import pytest

from aws_parts import moto_account
from transports.transport_rigs import RIGS

_UNSET = (
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
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with moto_account():
        yield lambda name: RIGS[name](monkeypatch)
