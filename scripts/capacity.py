"""Which limit comes first, at which rate, and how long a backlog takes.

    python scripts/capacity.py --changes-per-second N [--subscribers M] [--transport T] [--help]

Each figure is measured (by `make bench`), documented (by AWS) or assumed; docs/capacity.md says
which, and where from. Exit code 1 where a limit is below the rate.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

VCPU_PER_MIB = 1 / 1769
"""Documented: a function with 1,769 MB has one vCPU."""
PUBLISHER_CPU_SECONDS = 0.00015
"""Measured: of one record, in batches of 100 or more."""
CONSUMER_CPU_SECONDS = {1: 0.0013, 10: 0.0002, 100: 0.00013}
"""Measured: of one message, by the size of its batch."""
PUBLISHER_WORKERS = 20
ENTRIES_MAX = 10
STATEMENTS_MAX = 25
CALL_SECONDS = {"bus": 0.015, "table": 0.010}
"""Assumed, within a Region. The smoke test asks what a batch of statements takes."""
PARTITION_WRITES = 1_000
ACCOUNT_CONCURRENCY = 1_000
NEW_TABLE_WRITES = 4_000
FIFO_RATE = 3_000
BUS_QUOTAS = {"sns": 9_000, "sns-fifo": FIFO_RATE, "eventbridge": 10_000}
"""Documented, and raised on request. SNS: 30,000, 9,000 or 300 a second by Region."""
KINDS = ("measured", "documented", "assumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A deployment and its load; the defaults are the template's."""

    changes_per_second: float
    subscribers: int = 1
    transport: str = "sns"
    versions: int = 1
    lanes: int = 2
    stream_batch: int = 1_000
    batch: int = 10
    concurrency: int = 10
    memory_mib: int = 512

    @property
    def shards(self) -> int:
        """A shard for each partition of the Accounts table."""
        return max(1, math.ceil(self.changes_per_second / PARTITION_WRITES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many changes a second, at most; `kinds`: what the figure is made of."""

    name: str
    rate: float
    kinds: tuple[str, ...]
    raise_by: str


def limits(plan: Plan) -> Iterator[Limit]:
    """In the order of the path."""
    vcpu = min(1.0, plan.memory_mib * VCPU_PER_MIB)
    calls = math.ceil(plan.stream_batch * plan.versions / ENTRIES_MAX / PUBLISHER_WORKERS)
    cpu = plan.stream_batch * plan.versions * PUBLISHER_CPU_SECONDS / vcpu
    lane = plan.stream_batch / (cpu + calls * CALL_SECONDS["bus"])
    yield Limit(
        name=f"publisher, {plan.shards} shards x {plan.lanes} lanes",
        rate=plan.shards * plan.lanes * lane,
        kinds=("measured", "assumed"),
        raise_by="StreamParallelizationFactor, to 10",
    )
    yield Limit(
        name=f"{plan.transport}, messages a second in a Region",
        rate=BUS_QUOTAS[plan.transport] / plan.versions,
        kinds=("documented",),
        raise_by="a quota request" if plan.transport != "sns-fifo" else "a standard topic",
    )
    if plan.transport == "sns-fifo":
        yield Limit(
            name="a FIFO queue, messages a second in batches",
            rate=FIFO_RATE,
            kinds=("documented",),
            raise_by="high throughput of the queue",
        )
    yield Limit(
        name=f"each consumer, {plan.concurrency} at once, batches of {plan.batch}",
        rate=_consumer_rate(plan, vcpu),
        kinds=("measured", "assumed"),
        raise_by="ConsumerMaximumConcurrency, then ConsumerBatchSize 100",
    )
    yield Limit(
        name="a subscriber's new on-demand table, writes a second",
        rate=NEW_TABLE_WRITES,
        kinds=("documented",),
        raise_by="warm throughput, or half an hour: it doubles its peak",
    )
    at_once = plan.subscribers * plan.concurrency + plan.shards * plan.lanes
    yield Limit(
        name=f"the account's concurrency, {at_once} functions of {ACCOUNT_CONCURRENCY:,}",
        rate=math.inf if at_once <= ACCOUNT_CONCURRENCY else 0.0,
        kinds=("documented",),
        raise_by="a quota request",
    )


def drain_hours(plan: Plan, backlog: int) -> float:
    """Until a subscriber's queue of so many messages is empty, while changes go on."""
    vcpu = min(1.0, plan.memory_mib * VCPU_PER_MIB)
    spare = min(_consumer_rate(plan, vcpu), NEW_TABLE_WRITES) - plan.changes_per_second
    return backlog / spare / 3600 if spare > 0 else math.inf


# Private functions


def _consumer_rate(plan: Plan, vcpu: float) -> float:
    measured = CONSUMER_CPU_SECONDS[
        max(size for size in CONSUMER_CPU_SECONDS if size <= plan.batch)
    ]
    calls = math.ceil(plan.batch / STATEMENTS_MAX / 10)  # ten at once
    return (
        plan.concurrency
        * plan.batch
        / (plan.batch * measured / vcpu + calls * CALL_SECONDS["table"])
    )


def main() -> int:
    """Print the limits, lowest first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes-per-second", type=float, required=True)
    parser.add_argument("--transport", choices=BUS_QUOTAS, default="sns")
    for name in ("subscribers", "versions", "lanes", "batch", "concurrency", "memory_mib"):
        default = Plan.__dataclass_fields__[name].default
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--backlog", type=int, default=1_000_000, help="messages in one queue")
    given = vars(parser.parse_args())
    backlog = given.pop("backlog")
    if min(value for value in given.values() if not isinstance(value, str)) <= 0:
        parser.error("expected numbers above 0")
    plan = Plan(**given)
    found = sorted(limits(plan), key=lambda one: one.rate)
    for one in found:
        rate = {math.inf: "no limit", 0.0: "exceeded"}.get(one.rate, f"{one.rate:,.0f}")
        text = f"{rate:>9}  {one.name} ({', '.join(one.kinds)})\n{'':11}more by {one.raise_by}\n"
        sys.stdout.write(text)
    enough = found[0].rate >= plan.changes_per_second
    within = "within all limits" if enough else "NOT within all limits"
    hours = drain_hours(plan, backlog)
    drained = "never ends" if hours == math.inf else f"takes {hours:.1f} hours"
    sys.stdout.write(
        f"\n{plan.changes_per_second:,.0f} changes a second are {within}; "
        f"a backlog of {backlog:,} {drained}.\n"
    )
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
