"""`fanout local up`, `down`, `status`, `env` and `deploy`."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_facts, print_json, working
from fanout.errors import Found, WrongUse
from fanout.local import runtime
from fanout.local.deployment import LocalDeployment
from fanout.local.state_folder import StateFolder
from fanout.sqs.queue import read_depth
from fanout.streams.poller import PollerStatus

local_app = typer.Typer(no_args_is_help=True)
StateDir = Annotated[Path, option("Folder for state and logs.", "--state")]
Parameters = Annotated[
    list[str] | None, option("A parameter of the template; repeatable.", metavar="NAME=VALUE")
]


@local_app.command()
def up(
    context: typer.Context,
    *,
    port: Annotated[
        int | None, option("Port on 127.0.0.1; a free one if left out.", min=1, max=65535)
    ] = None,
    state: StateDir = runtime.DEFAULT_STATE_DIR,
    parameter: Parameters = None,
    iam: Annotated[bool, option("Check permissions, as AWS does.", "--iam")] = False,
    bare: Annotated[
        bool, option("Deploy nothing, to deploy beside a table of your own.", "--bare")
    ] = False,
    detach: Annotated[bool, option("Run in the background; `down` ends it.", "--detach")] = False,
    as_json: Json = False,
) -> None:
    """Start the embedded AWS and deploy the system on it.

    Runs until Ctrl-C, or in the background with --detach. If it already runs
    with this state folder, prints the same details.
    """
    recorded = runtime.look(state)
    if recorded is not None and recorded.is_running():
        if recorded.deployment is None:
            raise WrongUse(absence(state))
        ERR.print(f"It already runs (since {recorded.deployment.started_at}).")
        _show(recorded.deployment, as_json=as_json)
        return
    if bare and parameter:
        raise WrongUse("--bare deploys nothing: give --parameter to `fanout local deploy`.")
    target: AwsTarget = context.obj
    with runtime.running(
        state,
        keep=detach,
        port=port,
        parameters=_pairs(parameter or []),
        prefix=target.prefix,
        region=target.region or runtime.DEFAULT_REGION,
        iam=iam,
        bare=bare,
        progress=lambda step: ERR.print(f"{step} …", style="dim", markup=False),
    ) as deployment:
        if not detach:
            _show(deployment, as_json=as_json)
            ERR.print("Running until Ctrl-C.")
            _await_end(state)
    if detach:  # only now, as it runs on where nobody reads this to its end
        _show(deployment, as_json=as_json)


@local_app.command()
def down(state: StateDir = runtime.DEFAULT_STATE_DIR) -> None:
    """Stop it; no process and no file is left behind."""
    if runtime.stop(state):
        ERR.print("It has ended.")
    else:
        ERR.print(f"Nothing runs on {state.resolve()}.", markup=False)


@local_app.command()
def status(state: StateDir = runtime.DEFAULT_STATE_DIR, as_json: Json = False) -> None:
    """Show what runs, how full the queues are and how far the publisher is behind.

    Exit codes: 0 it runs, 1 it does not.
    """
    try:
        deployment, poller = _running(state)
    except Found:
        if as_json:
            print_json({"running": False, "state_dir": str(state.resolve())})
        raise
    now = read_status(deployment, poller, now=time.time())
    if as_json:
        print_json({"running": True, **now})
    else:
        _show_status(now)


@local_app.command()
def env(state: StateDir = runtime.DEFAULT_STATE_DIR) -> None:
    """Print what points AWS clients at it: eval "$(fanout local env)".

    Exit codes: 0 it runs, 1 it does not.
    """
    OUT.print(_running(state)[0].export_line(), markup=False)


@local_app.command()
def deploy(
    template: Annotated[Path, typer.Argument(help="The SAM template to deploy.")],
    *,
    state: StateDir = runtime.DEFAULT_STATE_DIR,
    parameter: Parameters = None,
    as_json: Json = False,
) -> None:
    """Build and deploy another stack on it: a subscriber, or everything after `up --bare`.

    Deploying the same template again updates it.

    Exit codes: 0 deployed, 1 nothing runs, 3 a resource was refused.
    """
    from fanout.local import stack

    deployment, _ = _running(state)
    with working(f"deploying {escape(template.name)}"):
        document = stack.load_template(template)
        chosen, folder = _pairs(parameter or []), StateFolder(Path(deployment.state_dir))
        packages = stack.build_packages(document, folder, chosen)
        name = f"{deployment.prefix}-{template.stem}"
        stack.deploy(
            deployment.target(), packages=packages, parameters=chosen, template=document, stack=name
        )
    if as_json:
        print_json({"stack": name, "services": sorted(packages)})
    else:
        OUT.print(f"Deployed: {name}", markup=False)


# What a running deployment is doing right now


def read_status(deployment: LocalDeployment, poller: PollerStatus, *, now: float) -> dict[str, Any]:
    """Ask the deployment's queues, and add what its poller has reported.

    Returns:
        `deployment`, `queue` and `dlq` (messages as SQS counts them: waiting, received and not
        deleted, delayed; None after `up --bare`), `poller`, and its `lag_seconds`.
    """
    sqs = deployment.client("sqs")
    queues = {"queue": deployment.queue_url, "dlq": deployment.dlq_url}
    return {
        "deployment": asdict(deployment),
        **{name: asdict(read_depth(sqs, url)) if url else None for name, url in queues.items()},
        "poller": asdict(poller),
        "lag_seconds": poller.lag_seconds(now),
    }


def absence(state: Path) -> str:
    """Say that nothing runs, and why, where a crash has left its logs."""
    folder = StateFolder(state)
    recorded = folder.read()
    if recorded is None:
        return f"Nothing runs on {folder.path}: `fanout local up` starts it."
    if recorded.is_running():
        return f"A deployment is just starting on {folder.path}: ask again in a few seconds."
    return (
        f"The deployment on {folder.path} has ended by itself; `fanout local up` starts a new one. "
        f"Its log ends:\n{folder.log_tail()}"
    )


def _running(state: Path) -> tuple[LocalDeployment, PollerStatus]:
    recorded = runtime.look(state)
    if recorded is None or recorded.deployment is None or not recorded.is_running():
        raise Found(absence(state))
    return recorded.deployment, recorded.poller


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise WrongUse(f"--parameter {text!r}: expected NAME=VALUE.")
        if name == "Prefix":  # the commands look for what the option names, and would find nothing
            raise WrongUse(f"--parameter {text!r}: name it before the command: --prefix {value}.")
        pairs[name] = value
    return pairs


def _show(deployment: LocalDeployment, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(deployment))
        return
    names = asdict(deployment) | ({"example_item": ""} if deployment.is_bare else {})
    facts = ((name.replace("_", " "), value) for name, value in names.items())
    print_facts("The embedded AWS", facts)
    OUT.print("\nPoint any AWS client at it:\n")
    OUT.print(f"  {deployment.export_line()}", markup=False)
    if deployment.is_bare:
        return
    OUT.print("\nChange a customer, and look at the Payments row:\n")
    for line in deployment.example():
        OUT.print(f"  {line}", markup=False)


def _show_status(now: Mapping[str, Any]) -> None:
    poller, lag = now["poller"], now["lag_seconds"]
    queue, dlq = (
        depth and f"{depth['waiting']} waiting, {depth['in_flight']} in flight"
        for depth in (now["queue"], now["dlq"])
    )
    print_facts(
        "The embedded AWS",
        [
            ("running since", now["deployment"]["started_at"]),
            ("endpoint", now["deployment"]["endpoint_url"]),
            ("payments queue", queue),
            ("payments DLQ", dlq),
            ("stream records read", poller["records_read"]),
            ("stream records pending", poller["pending_records"]),
            ("publisher's lag", "unknown: not read to the end" if lag is None else f"{lag:.1f} s"),
            ("latest error", poller["last_error"]),
        ],
    )


def _await_end(state: Path) -> None:
    """Wait for Ctrl-C, or for `down` in another terminal, or for a crash."""
    try:
        if recorded := runtime.look(state):
            recorded.supervisor.wait(timeout_seconds=math.inf)
    except KeyboardInterrupt:
        ERR.print("Ending …")
        return
    if runtime.look(state) is not None:
        raise Found(absence(state))
