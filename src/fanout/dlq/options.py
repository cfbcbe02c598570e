"""Options that several `dlq` commands take, and what they mean."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.dlq.numbering import Numbering
from fanout.dlq.selection import Selection, instant_or_age
from fanout.dlq.subscription import Subscription
from fanout.dlq.sweep import HOLD_SECONDS, HOLD_SECONDS_MIN
from fanout.runs.store import RunStore, state_folder

SubscriberName = Annotated[str, typer.Argument(help="The subscriber, such as payments.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Group = Annotated[
    str | None, typer.Option(help="Only this group: its number in `dlq show`, or its key.")
]
Customer = Annotated[str | None, typer.Option(help="Only this customer's messages.")]
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as SchemaViolation.")]
OlderThan = Annotated[
    str | None, typer.Option(help="Only what died before: 30m, 12h, 7d, or an instant.")
]
NewerThan = Annotated[
    str | None, typer.Option(help="Only what died since: 30m, 12h, 7d, or an instant.")
]
Version = Annotated[int | None, typer.Option(min=1, help="Only events of this major version.")]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="JMESPATH",
        help="Only where this holds, such as \"body.data.status == 'CLOSED'\". It sees body, "
        "attributes, reason, field, customer_id, version, origin, sent_at and receive_count.",
    ),
]
HoldSeconds = Annotated[
    int,
    typer.Option(
        "--hold-seconds",
        min=HOLD_SECONDS_MIN,
        max=60,
        help="How long a message stays hidden if this command is killed.",
    ),
]
HOLD_DEFAULT = HOLD_SECONDS
MessageId = Annotated[
    str | None, typer.Option("--message", help="Only this message, by an id of it.")
]
Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show customer ids and personal fields as they are.")
]
CauseCode = Annotated[
    str | None, typer.Option("--cause", help="Only this cause's code, such as NotJson.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Select so many at most.")]
Canary = Annotated[int, typer.Option(min=0, help="Do so many first, and see.")]
Rate = Annotated[
    float | None, typer.Option(min=0.01, help="Messages a second; as fast as it goes if not.")
]
WatchSeconds = Annotated[
    float,
    typer.Option(
        "--watch-seconds",
        min=0,
        help="Through queue: how long to watch for what comes back, each time.",
    ),
]
Execute = Annotated[bool, typer.Option("--execute", help="Do it; without, only the plan is shown.")]
FAILURE_RATE_MAX = 0.1
JournalCopy = Annotated[
    str | None,
    typer.Option(
        "--journal", metavar="S3-URI", help="Also copy the journal to s3://bucket/prefix."
    ),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a part of it, or `last`.")]
RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", help="Folder of journals; your state folder if left out."),
]


def selection(
    subscription: Subscription,
    dlq_arn: str,
    *,
    group: str | None = None,
    customer: str | None = None,
    reason: str | None = None,
    older_than: str | None = None,
    newer_than: str | None = None,
    version: int | None = None,
    where: str | None = None,
    message: str | None = None,
) -> Selection:
    """The conditions that the options state.

    Raises:
        WrongUse: an option can't be read, or names a group that is not known here.
    """
    now = datetime.now(UTC)
    return Selection(
        cause=group and Numbering(subscription.folder, dlq_arn).key_of(group),
        customer=customer,
        reason=reason,
        version=version,
        before=(older_than and instant_or_age(older_than, now=now, option="--older-than")) or None,
        after=(newer_than and instant_or_age(newer_than, now=now, option="--newer-than")) or None,
        where=where,
        message_id=message,
    )


def run_store(target: AwsTarget, runs_dir: Path | None) -> RunStore:
    """Where the journals are."""
    return RunStore(runs_dir or state_folder(target.prefix) / "runs")
