"""How to go on with a run of each command, by the command's name.

A resumer opens the run and does what is left of it; it prints what it came to and raises
`typer.Exit` with the exit code. A run that never began is begun only with `execute`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fanout.aws import AwsTarget
from fanout.console import print_json
from fanout.dlq import discard_commands, import_session, movers
from fanout.dlq.carrying_out import carry_out, plan_document, select, show_plan, tell_result
from fanout.dlq.importing import freeze_file
from fanout.dlq.replay_commands import COMMAND, warn
from fanout.dlq.subscription import Subscription, find_subscription
from fanout.errors import WrongUse
from fanout.runs.operator import find_operator
from fanout.runs.run import clock
from fanout.runs.s3_copy import copy_for
from fanout.runs.store import RunStore


def resume_replay(
    target: AwsTarget, store: RunStore, run_id: str, *, execute: bool, as_json: bool
) -> None:
    """Go on with a replay."""
    header = store.find(run_id).header
    assert header is not None, "the caller has found it"
    subscription = find_subscription(target, header.fields["subject"]["subscriber"])
    require_same_dlq(subscription, header.fields["subject"])
    copy_to = copy_for(target, header.fields["options"].get("journal"), warn)
    with store.open(run_id, copy_to=copy_to) as run:
        if not run.is_frozen:
            warn("It was killed while it selected, before anything moved: selecting anew.")
            select(subscription, run, as_json=as_json, again=True)
        going = execute or run.was_started or run.options["execute"]
        if not as_json:
            show_plan(plan_document(run), execute=going)
        if not going:
            if as_json:
                print_json(plan_document(run))
            return
        result = carry_out(target, subscription, run, find_operator(target))
    tell_result(result, run_id, store, as_json=as_json)


def resume_import(
    target: AwsTarget, store: RunStore, run_id: str, *, execute: bool, as_json: bool
) -> None:
    """Go on with an import."""
    header = store.find(run_id).header
    assert header is not None, "the caller has found it"
    subscription = find_subscription(target, header.fields["subject"]["subscriber"])
    require_same_dlq(subscription, header.fields["subject"])
    copy_to = copy_for(target, header.fields["options"].get("journal"), warn)
    with store.open(run_id, copy_to=copy_to) as run:
        if not run.is_frozen:
            path = Path(run.options["file"])
            freeze_file(path, run, subscription.reader, cut_off=clock())
        going = execute or run.was_started or run.options["execute"]
        if not as_json or not going:
            import_session.show_import_plan(run, execute=going, as_json=as_json)
        if not going:
            return
        operator = find_operator(target)
        result = import_session.carry_out_import(target, subscription, run, operator)
    tell_result(result, run_id, store, as_json=as_json)


def require_same_dlq(subscription: Subscription, subject: dict[str, Any]) -> None:
    """Raises: WrongUse where the run was made on another DLQ than the subscriber has here."""
    if subscription.subscriber.dlq_arn != subject["dlq_arn"]:
        raise WrongUse(
            f"The run was made on {subject['dlq_arn']}; here the DLQ of "
            f"{subscription.subscriber.name} is {subscription.subscriber.dlq_arn}: check "
            "--profile, --region and --prefix."
        )


Resumer = Callable[..., None]

RESUMERS: dict[str, Resumer] = {
    COMMAND: resume_replay,
    movers.EDIT: resume_replay,
    discard_commands.COMMAND: resume_replay,
    import_session.COMMAND: resume_import,
}
"""By `command` of a run's header; each is called as `resume_replay` is."""
