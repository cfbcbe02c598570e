"""A log tells where an exception was raised, and nothing of what it says."""

import json
import re

from customer_events.tracebacks import FRAMES_MAX, frames


def caught(work):
    try:
        work()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError


def loads(text):
    return json.loads(text)


def test_frames_name_files_and_lines_down_to_where_it_was_raised():
    told = frames(caught(lambda: loads("{secret")))  # six deep
    assert len(told) == FRAMES_MAX == 5
    assert all(re.fullmatch(r"[\w.]+/[\w.]+:[0-9]+", one) for one in told)
    assert all(one.startswith("json/decoder.py:") for one in told[-2:])
    assert "secret" not in str(told)


def test_an_exception_that_was_never_raised_has_no_frames():
    assert frames(KeyError("secret")) == []
