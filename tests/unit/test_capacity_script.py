"""Which limit comes first, and that the page shows what the script prints."""

import math
import re
from pathlib import Path

import pytest

import capacity
from capacity import Plan, drain_hours, limits

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"
TEMPLATE = Path(__file__).parents[2] / "infra" / "sam" / "template.yaml"


def first(**plan):
    return min(limits(Plan(**plan)), key=lambda one: one.rate)


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        ({"changes_per_second": 500, "lanes": 1}, "publisher, 1 shards x 1 lanes"),
        ({"changes_per_second": 8000, "versions": 3}, "sns, messages a second in a Region"),
        ({"changes_per_second": 500, "concurrency": 2}, "each consumer, 2 at once, batches of 10"),
        ({"changes_per_second": 500, "lanes": 4}, "a subscriber's new on-demand table, writes"),
        (
            {"changes_per_second": 500, "subscribers": 100},
            "the account's concurrency, 1002 functions of 1,000",
        ),
        (
            {"changes_per_second": 500, "transport": "sns-fifo"},
            "sns-fifo, messages a second in a Region",
        ),
    ],
)
def test_the_lowest_limit_is_named(plan, name):
    assert first(**plan).name.startswith(name)


def test_every_figure_says_where_it_is_from():
    for transport in capacity.BUS_QUOTAS:
        for one in limits(Plan(changes_per_second=1, transport=transport)):
            assert one.kinds
            assert set(one.kinds) <= set(capacity.KINDS)


def test_a_backlog_takes_as_long_as_the_consumer_has_to_spare():
    plan = Plan(changes_per_second=3_000)
    assert drain_hours(plan, 3_600_000) == pytest.approx(1.0)
    assert drain_hours(Plan(changes_per_second=4_000), 1) == math.inf


def test_the_defaults_are_those_of_the_template():
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, field in {
        "StreamBatchSize": "stream_batch",
        "StreamParallelizationFactor": "lanes",
        "ConsumerBatchSize": "batch",
        "ConsumerMaximumConcurrency": "concurrency",
    }.items():
        found = re.search(rf"^  {name}:\n    Type: Number\n    Default: (\d+)$", text, re.MULTILINE)
        assert int(found[1]) == Plan.__dataclass_fields__[field].default, name


def test_the_page_shows_what_the_script_prints(monkeypatch, capsys):
    text = PAGE.read_text(encoding="utf-8")
    command, shown = re.search(
        r"```sh\n.*capacity\.py (.*)\n```\n\n```text\n(.*?)```", text, re.DOTALL
    ).groups()
    monkeypatch.setattr("sys.argv", ["capacity.py", *command.split()])
    assert capacity.main() == 0
    assert capsys.readouterr().out == shown


def test_a_rate_above_a_limit_exits_with_1(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["capacity.py", "--changes-per-second", "20000"])
    assert capacity.main() == 1
    assert "NOT within all limits; a backlog of 1,000,000 never ends" in capsys.readouterr().out


def test_nonsense_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["capacity.py", "--changes-per-second", "0"])
    with pytest.raises(SystemExit):
        capacity.main()
    assert "expected numbers above 0" in capsys.readouterr().err
