"""An EventBridge archive: a replay that names one subscriber's rules.

Source: API reference, StartReplay: a replay goes to the archive's own bus; without rules it goes to
all of them.
"""

import secrets
from datetime import timedelta
from typing import Any

from fanout.archive.window import Plan, Progress, Window
from fanout.errors import WrongUse

SETTLING = timedelta(minutes=10)
"""How long an event may take to reach the archive (EventBridge user guide, archive and replay)."""
_OVER = frozenset({"COMPLETED", "CANCELLED", "FAILED"})


class EventBridgeArchive:
    """Implements `Archive`.

    Args:
        client: a boto3 client of `events`.
        bus_arn: the bus that the archive belongs to.
        subscriber: its name.
        queue_arn: what its rules target.
    """

    def __init__(self, client: Any, *, bus_arn: str, subscriber: str, queue_arn: str) -> None:
        self._client = client
        self._bus_arn = bus_arn
        self._subscriber = subscriber
        self._queue_arn = queue_arn

    def plan(self, window: Window) -> Plan:
        """See `Archive.plan`."""
        archive = self._archive()
        rules = self._rules()
        remarks = [
            "EventBridge replays in no order; the order guard makes what is older STALE.",
        ]
        if window.now - window.ends_at < SETTLING:
            remarks.append("The last 10 minutes may not be archived yet: repeat them later.")
        return Plan(
            archive=archive,
            only_to=rules,
            begin={
                "ReplayName": f"fanout-{self._subscriber}-{secrets.token_hex(4)}"[:64],
                "EventSourceArn": archive,
                "EventStartTime": window.begins_at,
                "EventEndTime": window.ends_at,
                "Destination": {"Arn": self._bus_arn, "FilterArns": list(rules)},
            },
            remarks=tuple(remarks),
        )

    def start(self, plan: Plan) -> str:
        """See `Archive.start`."""
        self._client.start_replay(**plan.begin)
        return str(plan.begin["ReplayName"])

    def progress(self, name: str) -> Progress:
        """See `Archive.progress`."""
        found = self._client.describe_replay(ReplayName=name)
        state = str(found["State"])
        return Progress(
            state=state,
            is_over=state in _OVER,
            went_well=state == "COMPLETED",
            up_to=found.get("EventLastReplayedTime"),
            why=str(found.get("StateReason") or ""),
        )

    def cancel(self, name: str) -> None:
        """See `Archive.cancel`."""
        self._client.cancel_replay(ReplayName=name)

    # Private functions

    def _archive(self) -> str:
        found = self._client.list_archives(EventSourceArn=self._bus_arn)["Archives"]
        names = [str(one["ArchiveName"]) for one in found if one.get("State") != "DISABLED"]
        if not names:
            raise WrongUse(
                f"The bus {self._bus_arn} has no archive: nothing was kept to replay. Seed the "
                f"subscriber instead: `fanout backfill {self._subscriber}`."
            )
        return str(self._client.describe_archive(ArchiveName=names[0])["ArchiveArn"])

    def _rules(self) -> tuple[str, ...]:
        """The rules that target the queue, each of which must target nothing else."""
        bus = self._bus_arn.partition("/")[2]
        pages = self._client.get_paginator("list_rule_names_by_target").paginate(
            TargetArn=self._queue_arn, EventBusName=bus
        )
        names = [str(name) for page in pages for name in page["RuleNames"]]
        if not names:
            raise WrongUse(f"No rule on {bus} targets {self._queue_arn}: is it subscribed?")
        for name in names:
            self._require_alone(name, bus)
        return tuple(
            str(self._client.describe_rule(Name=name, EventBusName=bus)["Arn"]) for name in names
        )

    def _require_alone(self, rule: str, bus: str) -> None:
        targets = self._client.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
        others = sorted({str(one["Arn"]) for one in targets} - {self._queue_arn})
        if others:
            raise WrongUse(
                f"The rule {rule} also targets {', '.join(others)}, which would get the events as "
                f"well: give {self._subscriber} a rule of its own."
            )
