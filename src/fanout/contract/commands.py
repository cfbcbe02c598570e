"""`fanout schema`: the contract's tools."""

from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from customer_events.event import EVENT_NAME
from fanout.console import OUT, Json, option, print_json, working
from fanout.errors import ExitCode, Found, WrongUse
from sentinel.contract import filter_lint
from sentinel.contract.filters import Transport, render
from sentinel.contract.folder import DEFAULT_FOLDER, read_contract, read_json

Schemas = Annotated[Path, option("The folder of the contract.", "--schemas")]
LatestState = Annotated[
    bool, option("The subscriber keeps each customer's latest status.", "--latest-state")
]
Generated = Literal["registry", "asyncapi", "docs"]
"""A file that follows from the schemas."""

schema_app = typer.Typer(no_args_is_help=True)


@schema_app.command()
def check(
    against: Annotated[
        str | None, option("A git revision or folder of schemas; the frozen versions if left out.")
    ] = None,
    schemas: Schemas = DEFAULT_FOLDER,
    *,
    as_json: Json = False,
) -> None:
    """Say whether the changed contract needs a new major version, and whom it breaks.

    Exit codes: 0 nothing breaks, 1 something breaks.
    """
    _compare(schemas, against, as_json=as_json)


@schema_app.command()
def record(schemas: Schemas = DEFAULT_FOLDER, *, as_json: Json = False) -> None:
    """Check the schemas and, if nothing breaks, freeze them as published.

    Exit codes: 0 recorded, 1 something breaks and nothing is recorded.
    """
    _compare(schemas, None, record=True, as_json=as_json)


def _compare(folder: Path, against: str | None, *, as_json: bool, record: bool = False) -> None:
    from fanout.contract.compatibility import compare_with, show

    with working("comparing the schemas"):
        report = compare_with(folder, against, record=record)
    if as_json:
        print_json(report)
    else:
        show(report, OUT)
    if not report["passes"]:
        raise typer.Exit(ExitCode.FOUND)


@schema_app.command()
def generate(
    name: Annotated[
        Generated | None,
        typer.Argument(
            help="registry: inside the contract package, with the envelope's types. asyncapi: the "
            "AsyncAPI 3.0 document. docs: the catalogue page. All three if left out."
        ),
    ] = None,
    *,
    schemas: Schemas = DEFAULT_FOLDER,
    output: Annotated[Path | None, option("Another path, with NAME.", "--output", "-o")] = None,
    check: Annotated[
        bool, option("Write nothing; exit with 1 if a file is not current.", "--check")
    ] = False,
) -> None:
    """Write the files that are generated from the schemas and the registry.

    Exit codes: 0 written, or current; with --check 1 if a file is not
    current.
    """
    from fanout.contract.generated import ENVELOPE, GENERATED, produce

    if output is not None and name is None:
        raise WrongUse("--output is for one file: name registry, asyncapi or docs.")
    contract = read_contract(schemas)
    for each in [name] if name else get_args(Generated):
        OUT.print(produce(GENERATED[each], contract, output, check=check), markup=False)
        if each == "registry" and output is None:
            envelope = schemas / ENVELOPE.path.name
            OUT.print(produce(ENVELOPE, contract, envelope, check=check), markup=False)


@schema_app.command("lint-filter")
def lint_filter(
    file: Annotated[Path, typer.Argument(help="A filter policy or an event pattern, as JSON.")],
    *,
    latest_state: LatestState = False,
    transport: Annotated[
        Transport | None, option("The filter's language; recognised by its keys if left out.")
    ] = None,
    schemas: Schemas = DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Say what in a subscription's filter can never match, or hides what it must let pass.

    An SNS filter policy is read in the scope MessageAttributes.

    Exit codes: 0 nothing is wrong, 1 something is.
    """
    document = read_json(file)
    language = transport or filter_lint.transport_of(document)
    findings = filter_lint.lint(
        document, read_contract(schemas), transport=language, latest_state=latest_state
    )
    if as_json:
        print_json({"transport": language.value, "findings": [each._asdict() for each in findings]})
    else:
        for each in findings:
            OUT.print(each.severity, f"[{each.rule}]", each.sentence, markup=False)
    faults = sum(each.severity == "error" for each in findings)
    if faults:
        raise Found(f"{file}: {faults} {'fault' if faults == 1 else 'faults'}.")
    if not as_json:
        OUT.print(f"{file}: a good {language.value} filter.", markup=False)


@schema_app.command("filter")
def render_filter(
    *,
    status: Annotated[
        list[str] | None, option("A status that the subscriber wants; repeatable.")
    ] = None,
    version: Annotated[
        list[int] | None, option("A major version that it reads; repeatable.")
    ] = None,
    latest_state: LatestState = False,
    transport: Annotated[Transport, option("The filter's language.")] = Transport.SNS,
    event: Annotated[str, option("The event type to filter.")] = EVENT_NAME,
    schemas: Schemas = DEFAULT_FOLDER,
) -> None:
    """Print the filter for a subscription, as JSON."""
    contract = read_contract(schemas).event(event)
    document = render(
        contract,
        transport,
        versions=version or [contract.versions[-1].major],
        statuses=status or [],
        latest_state=latest_state,
    )
    print_json(document)
