"""Write the dashboard and the saved queries of both tools: `python scripts/dashboard.py`.

Metrics come from their one declaration, alarms from the SAM template. Terraform gets templates of
JSON with its own variables, SAM a section of its template. A test compares all of it with what
this makes.
"""

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from customer_events import metrics
from customer_events.metrics import NAMESPACE, Metric

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "infra" / "sam" / "template.yaml"
MODULE = ROOT / "infra" / "terraform" / "modules" / "dashboard"

COLUMNS, STRIP_ROWS, GRAPH_ROWS = 24, 4, 6
"""CloudWatch's columns, and the heights of a strip of alarms and of a graph."""
VISIBLE = Metric("ApproximateNumberOfMessagesVisible", "Count", "waiting", ("QueueName",))
HIDDEN = Metric("ApproximateNumberOfMessagesNotVisible", "Count", "received", ("QueueName",))
AGE = Metric("ApproximateAgeOfOldestMessage", "Seconds", "of the oldest message", ("QueueName",))

QUERIES = {
    "records parked or failed": r"""
        filter ispresent(parked_event_ids.0) or ispresent(failed_sequence_numbers.0)
        | parse @message /"parked": ?(?<parked_reasons>\{[^}]*\})/
        | parse @message /"failed": ?(?<failed_codes>\{[^}]*\})/
        | sort @timestamp desc
        | limit 100
        | display @timestamp, parked_reasons, parked_event_ids.0, failed_codes,
          failed_sequence_numbers.0, function_request_id""",
    "messages parked or retried": r"""
        filter ispresent(problems.0.outcome)
        | fields jsonParse(@message) as line
        | unnest line.problems into problem
        | stats count(*) as messages, max(problem.receive_count) as receives_max
          by @log, problem.outcome, problem.cause, problem.reason
        | sort messages desc""",
    "slowest batches": r"""
        fields coalesce(@requestId, function_request_id, record.requestId) as request,
          coalesce(@duration, record.metrics.durationMs) as milliseconds
        | filter ispresent(request)
        | stats max(milliseconds) as took, max(records) as stream_records,
          max(messages) as queue_messages, max(stream_lag_milliseconds) as lag by request, @log
        | sort took desc
        | limit 20""",
    "errors": r"""
        filter level = "ERROR" or record.status in ["error", "failure", "timeout"]
          or @message like /\[ERROR\]|Task timed out|Runtime exited|Runtime\.[A-Z]/
        | sort @timestamp desc
        | limit 100
        | display @timestamp, @log, @message""",
    "one change by any of its ids": r"""
        # An event id (`fanout where` shows it), a message id, a sequence number or a trace id.
        filter @message like "PUT THE ID HERE"
        | sort @timestamp asc
        | display @timestamp, @log, @message""",
}
"""What runbooks ask of the logs, by the name in Logs Insights."""


class Graph(NamedTuple):
    """A graph of metrics, each with the values of its dimensions."""

    title: str
    statistic: str
    lines: Sequence[tuple[Metric, Mapping[str, str]]]
    late: str = ""
    width: int = 6
    period: int = 60
    stacked: bool = False


def publisher(prefix: str) -> list[Graph]:
    """The graphs of publisher and sentinel."""
    own = {"deployment": prefix, "service": "publisher"}
    failures = (
        metrics.RECORDS_FAILED,
        metrics.RECORDS_HELD,
        metrics.BUS_FAULTS,
        metrics.RECORDS_PARKED,
    )
    traffic = (
        metrics.STREAM_RECORDS,
        metrics.CUSTOMER_RECORDS,
        metrics.STATUS_TRANSITIONS,
        metrics.EVENTS_PUBLISHED,
    )
    findings = (metrics.SENTINEL_FINDINGS, own | {"service": "sentinel"})
    return [
        Graph("Publisher: lag", "Maximum", [(metrics.STREAM_LAG, own)], late="stream_lag"),
        Graph("Publisher: failures", "Sum", [(metric, own) for metric in failures]),
        Graph("Publisher: traffic", "Sum", [(metric, own) for metric in traffic]),
        Graph("Sentinel: findings", "Sum", [findings], period=300),
    ]


def subscriber(name: str, prefix: str, service: str, queue: str, dlq: str) -> list[Graph]:
    """The graphs of a subscriber."""
    own = {"deployment": prefix, "service": service}
    waiting, dead = {"QueueName": queue}, {"QueueName": dlq}
    failures = (metrics.MESSAGES_RETRIED, metrics.DEPENDENCY_FAULTS, metrics.UNEXPECTED_EXCEPTIONS)
    outcomes = (
        metrics.EVENTS_APPLIED,
        metrics.EVENTS_DUPLICATE,
        metrics.EVENTS_STALE,
        metrics.MESSAGES_PARKED,
        metrics.DEPRECATED_EVENTS,
    )
    drift = (metrics.DRIFTED_ROWS, {"deployment": prefix, "subscriber": name})
    return [
        Graph(f"{name}: lag", "p99", [(metrics.END_TO_END_LAG, own)], late="end_to_end_lag"),
        Graph(f"{name}: failures", "Sum", [(metric, own) for metric in failures]),
        Graph(f"{name}: dead messages", "Maximum", [(VISIBLE, dead), (HIDDEN, dead)], stacked=True),
        Graph(f"{name}: drifted rows", "Maximum", [drift], period=3600),
        Graph(f"{name}: traffic", "Sum", [(metric, own) for metric in outcomes], width=12),
        Graph(
            f"{name}: messages in the queue",
            "Maximum",
            [(VISIBLE, waiting), (HIDDEN, waiting)],
            stacked=True,
        ),
        Graph(f"{name}: oldest message", "Maximum", [(AGE, waiting)], late="queue_age"),
    ]


def terraform() -> dict[str, str]:
    """The files of Terraform's module, by their names; it moves a subscriber's widgets down."""
    own = (f"${{{name}}}" for name in ("name", "prefix", "service", "queue", "dlq"))
    late = {name: f"${{{name}}}" for name in _LATE}
    blocks = {"publisher": publisher("${prefix}"), "subscriber": subscriber(*own)}
    return {
        f"{block}.json.tftpl": f"[\n{_widgets(graphs, '${alarms}', late, region='${region}')}\n]\n"
        for block, graphs in blocks.items()
    } | {"queries.json": json.dumps(_queries(), indent=2) + "\n"}


def sam(template: str) -> str:
    """The SAM template, its section between two headings written anew."""
    before, rest = template.split(_HEADING.format("dashboard and queries"))
    after = rest[rest.index(_HEADING.format("discovery")) :]
    return f"{before}{_HEADING.format('dashboard and queries')}{_section(template)}\n{after}"


def main() -> None:
    """Write them."""
    for name, text in terraform().items():
        MODULE.joinpath(name).write_text(text, encoding="utf-8")
    TEMPLATE.write_text(sam(TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")


# Private functions

_LATE = {
    "stream_lag": "PublisherIteratorAgeAlarmMilliseconds",
    "end_to_end_lag": "EndToEndLagAlarmMilliseconds",
    "queue_age": "QueueAgeAlarmSeconds",
}
"""What is late, by Terraform's variable and SAM's parameter."""
_HEADING = f"  # {'-' * 64} {{}}\n"
_ALARM = re.compile(
    r"    Type: AWS::CloudWatch::(?:Composite)?Alarm\n(?:    Condition: (\w+)\n)?"
    r'    Properties:\n      AlarmName: !Sub "\$\{Prefix\}-(.*)"'
)
_ARN = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${Prefix}-"


def _widgets(
    graphs: Sequence[Graph], alarms: str, late: Mapping[str, str], *, region: str, y: int = 0
) -> str:
    """A strip of alarms and the graphs below it, a widget a line; what is in `@…@` is no text."""
    widgets = [
        _widget(
            "alarm",
            (0, y, COLUMNS, STRIP_ROWS),
            title=f"{graphs[0].title.partition(':')[0]}: alarms",
            sortBy="stateUpdatedTimestamp",
            alarms=f"@{alarms}@",
        )
    ]
    x, y = 0, y + STRIP_ROWS
    for graph in graphs:
        unit = graph.lines[0][0].unit.lower()
        properties = {
            "title": graph.title
            + ("" if unit == "count" else f" ({unit}, {graph.statistic.lower()})"),
            "region": region,
            "stat": graph.statistic,
            "period": graph.period,
            "yAxis": {"left": {"min": 0}},
            "metrics": [_line(*line) for line in graph.lines],
        }
        if graph.stacked:
            properties["stacked"] = True
        if graph.late:
            properties["annotations"] = {"horizontal": f"@{late[graph.late]}@"}
        widgets.append(_widget("metric", (x, y, graph.width, GRAPH_ROWS), **properties))
        x += graph.width
        if x == COLUMNS:
            x, y = 0, y + GRAPH_ROWS
    text = ",\n".join(json.dumps(widget) for widget in widgets)
    return re.sub(r'"@(.*?)@"', lambda match: str(json.loads(f'"{match[1]}"')), text)


def _widget(kind: str, place: tuple[int, int, int, int], **properties: Any) -> dict[str, Any]:
    placed = dict(zip(("x", "y", "width", "height"), place, strict=True))
    return {"type": kind, **placed, "properties": properties}


def _line(metric: Metric, values: Mapping[str, str]) -> list[str]:
    named = [text for name in metric.dimensions for text in (name, values[name])]
    return ["AWS/SQS" if "QueueName" in values else NAMESPACE, metric.name, *named]


def _queries() -> dict[str, str]:
    return {name: textwrap.dedent(query).strip() for name, query in QUERIES.items()}


def _section(template: str) -> str:
    """The dashboard and the queries as YAML."""
    late = {
        name: f'[{{"label": "late", "value": ${{{parameter}}}}}]'
        for name, parameter in _LATE.items()
    }
    alarms = {
        condition: [
            f'"{_ARN}{name}"' for given, name in _ALARM.findall(template) if given == condition
        ]
        for condition in ("", "SentinelIsDeployed", "PaymentsIsDeployed")
    }
    top = _widgets(
        publisher("${Prefix}"),
        f"[{', '.join(alarms[''])}${{SentinelAlarms}}${{PaymentsPage}}]",
        late,
        region="${AWS::Region}",
    )
    payments = _widgets(
        subscriber(
            "payments",
            "${Prefix}",
            "payments_consumer",
            "${PaymentsQueue.QueueName}",
            "${PaymentsDlq.QueueName}",
        ),
        f"[{', '.join(alarms['PaymentsIsDeployed'])}]",
        late,
        region="${AWS::Region}",
        y=STRIP_ROWS + GRAPH_ROWS,
    )
    parts = {
        "SentinelAlarms": ("SentinelIsDeployed", ", ".join(["", *alarms["SentinelIsDeployed"]])),
        "PaymentsPage": ("PaymentsIsDeployed", f', "{_ARN}payments-page"'),
        "Payments": ("PaymentsIsDeployed", f", {payments}"),
    }
    queries = [_query(*query) for query in _queries().items()]
    return f"""
  # Written by scripts/dashboard.py, up to the next heading. The dashboard's name has the Region: an
  # account has its dashboards in no Region. The queries are in the folder PREFIX of Logs Insights.
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: !Sub "${{Prefix}}-customer-status-${{AWS::Region}}"
      DashboardBody: !Sub
        - >-
{_folded(f'{{"widgets": [{top}${{Payments}}]}}', 10)}
{_parts(parts)}
{"".join(queries)}"""


def _parts(parts: Mapping[str, tuple[str, str]]) -> str:
    """What is in the body under a condition only, by its name there."""
    text = "".join(
        f'{name}: !If\n  - {condition}\n  - !Sub >-\n{_folded(part, 4)}\n  - ""\n'
        for name, (condition, part) in parts.items()
    )
    return "        - " + textwrap.indent(text, " " * 10).strip()


def _query(name: str, query: str) -> str:
    identifier = "".join(word.capitalize() for word in name.split())
    return f"""
  {identifier}Query:
    Type: AWS::Logs::QueryDefinition
    Properties:
      Name: !Sub "${{Prefix}}/{name}"
      LogGroupNames:
        - !Ref PublisherLogs
        - !If [SentinelIsDeployed, !Ref SentinelLogs, !Ref AWS::NoValue]
        - !If [PaymentsIsDeployed, !Ref ConsumerLogs, !Ref AWS::NoValue]
      QueryString: |-
{textwrap.indent(query, " " * 8)}
"""


def _folded(text: str, indent: int) -> str:
    """As a folded block of YAML: each line break is a space again."""
    lines = textwrap.wrap(text, 100 - indent, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent("\n".join(lines), " " * indent)


if __name__ == "__main__":
    main()
