"""What the saved queries of Logs Insights name is in the lines that the functions write."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from customer_events.errors import UnknownStatus
from customer_events.event import EVENT_NAME
from customer_events.registry import load
from dashboard import QUERIES
from event_consumer import reporting
from event_consumer.failures import DependencyFault, failed
from event_consumer.outcomes import Delivery
from infra.sam_template import deployed, of_type
from publisher import reasons
from publisher.batch_result import BatchResult
from publisher.reporting import BatchReporter
from publisher.stream_records import StreamRecord
from unit.event_consumer.consumer_samples import live, message
from unit.publisher.stream_record_samples import record

OF_LAMBDA = {
    "@timestamp",
    "@message",
    "@log",
    "@requestId",
    "@duration",
    "record.requestId",
    "record.status",
    "record.metrics.durationMs",
}
"""CloudWatch Logs guide, Supported logs and discovered fields; Lambda guide, the record of
`platform.report`, which LogFormat=JSON writes instead of REPORT."""
WORDS = {"filter", "fields", "stats", "sort", "limit", "display", "parse", "unnest", "into", "by"}
WORDS |= {"as", "or", "in", "like", "desc", "asc", "ispresent", "coalesce", "jsonParse"}
WORDS |= {"count", "max"}
"""Commands and functions of Logs Insights."""


@pytest.fixture
def lines(capsys):
    """The publisher's line and the consumer's, each of a batch in which much went wrong."""
    named = {"service": f"queries-{uuid4()}", "deployment": "fanout", "namespace": "n"}
    BatchReporter(**named).report(
        BatchResult(
            records=[StreamRecord(record("ACTIVE", "CLOSED"))] * 2,
            parked={0: reasons.UnknownStatus("one of those")},
            failed={1: "Throttled"},
        ),
        request_id="r",
        now_seconds=2e9,
    )
    reporting.BatchReporter(**named, registry=load(EVENT_NAME)).report(
        [
            Delivery(message=message(number, "{}"), event=live(1), handled=failed(error))
            for number, error in enumerate((DependencyFault(), UnknownStatus("a status")))
        ],
        request_id="r",
        now=datetime.now(UTC),
    )
    return [line for line in capsys.readouterr().out.splitlines() if '"_aws"' not in line]


def flattened(value: Any, path: str = "") -> Iterator[str]:
    """The names of the fields that Logs Insights finds in a line."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flattened(inner, f"{path}{key}.")
    yield path.rstrip(".")


def fields_of(query: str) -> set[str]:
    """The fields that a query names: its words but commands, functions and its own names."""
    own = set(re.findall(r"\b(?:as|into) (\w+)|\?<(\w+)>", query))
    text = re.sub(r'#.*|"[^"]*"|(?<=like )/.*?/|(?<=@message )/.*/', "", query)
    text = re.sub(r"\bproblem\.", "problems.0.", text.replace("line.", ""))
    found = set(re.findall(r"@?[A-Za-z_]\w*(?:\.\w+)*", text))
    return found - WORDS - {name for names in own for name in names}


@pytest.mark.parametrize("name", QUERIES)
def test_each_field_that_a_query_names_is_in_a_line(name, lines):
    written = {field for line in lines for field in flattened(json.loads(line))}
    assert fields_of(QUERIES[name]) - OF_LAMBDA - written == set()


def test_a_field_that_nobody_writes_would_be_noticed():
    query = 'filter a.0 = "b" | fields jsonParse(@message) as c | stats max(problem.d) as e by @log'
    assert fields_of(query) == {"a.0", "@message", "problems.0.d", "@log"}


def test_a_pattern_finds_what_it_is_for(lines):
    patterns = [one for query in QUERIES.values() for one in re.findall(r"@message /(.*)/", query)]
    found = {
        name: json.loads(text)
        for pattern in patterns
        for line in lines
        for match in re.finditer(pattern.replace("(?<", "(?P<"), line)
        for name, text in match.groupdict().items()
    }
    assert found == {"parked_reasons": {"UnknownStatus": 1}, "failed_codes": {"Throttled": 1}}


def test_each_query_reads_the_logs_of_every_function():
    groups = {it["LogGroupName"] for it in of_type(deployed(), "AWS::Logs::LogGroup").values()}
    queries = of_type(deployed(), "AWS::Logs::QueryDefinition").values()
    assert len(queries) == len(QUERIES)
    assert {frozenset(it["LogGroupNames"]) for it in queries} == {frozenset(groups)}
