"""`fanout schema`: the contract's tools."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fanout.console import OUT, print_json, working
from fanout.contract import filter_lint
from fanout.contract.filter_lint import Finding
from fanout.contract.filters import Transport, render
from fanout.contract.folder import DEFAULT_FOLDER, parse_json, read_contract
from fanout.errors import ExitCode, Found, WrongUse

# `fanout schema registry`, `asyncapi`, `docs`, `lint-filter` and `filter`


STATUS_EVENT = "CustomerStatusChanged"

Schemas = Annotated[Path, typer.Option("--schemas", help="The folder of the contract.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Another file than the project's own.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit with 1 if the file is not current.")
]
LatestState = Annotated[
    bool, typer.Option("--latest-state", help="The subscriber keeps each customer's latest status.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group `schema`."""
    app.command("registry")(registry)
    app.command("asyncapi")(asyncapi)
    app.command("docs")(docs)
    app.command("lint-filter")(lint_filter)
    app.command("filter")(render_filter)


def registry(
    schemas: Schemas = DEFAULT_FOLDER, output: Output = None, check: Check = False
) -> None:
    """Write the registry that ships inside the contract package, and the envelope's types."""
    _generate("registry", schemas, output, check=check)


def asyncapi(
    schemas: Schemas = DEFAULT_FOLDER, output: Output = None, check: Check = False
) -> None:
    """Write the AsyncAPI 3.0 document of all events."""
    _generate("asyncapi", schemas, output, check=check)


def docs(schemas: Schemas = DEFAULT_FOLDER, output: Output = None, check: Check = False) -> None:
    """Write the catalogue page: one HTML file that needs nothing else."""
    _generate("docs", schemas, output, check=check)


def lint_filter(
    file: Annotated[Path, typer.Argument(help="A filter policy or an event pattern, as JSON.")],
    *,
    latest_state: LatestState = False,
    transport: Annotated[
        Transport | None, typer.Option(help="Whose language it is; told by its keys if left out.")
    ] = None,
    schemas: Schemas = DEFAULT_FOLDER,
    as_json: Json = False,
) -> None:
    """Say what in a subscription's filter can never match, or would hide what must be seen.

    SNS filter policies are read in the scope MessageAttributes. Exit code 1 if anything is wrong.
    """
    document = _read(file)
    language = transport or filter_lint.transport_of(document)
    findings = filter_lint.lint(
        document, read_contract(schemas), transport=language, latest_state=latest_state
    )
    errors = [one for one in findings if not one.warning]
    if as_json:
        print_json(_as_document(language, findings))
    else:
        for one in findings:
            OUT.print(
                "warning" if one.warning else "wrong", f"[{one.rule}]", one.sentence, markup=False
            )
    if errors:
        raise Found(f"{file}: {len(errors)} {'fault' if len(errors) == 1 else 'faults'}.")
    if not as_json:
        OUT.print(f"{file}: a good {language.value} filter.", markup=False)


def render_filter(
    *,
    status: Annotated[
        list[str] | None, typer.Option(help="A status that the subscriber wants; repeatable.")
    ] = None,
    version: Annotated[
        list[int] | None, typer.Option(help="A major version that it reads; repeatable.")
    ] = None,
    latest_state: LatestState = False,
    transport: Annotated[Transport, typer.Option(help="Whose language.")] = Transport.SNS,
    event: Annotated[str, typer.Option(help="The event that it wants.")] = STATUS_EVENT,
    schemas: Schemas = DEFAULT_FOLDER,
) -> None:
    """Print the filter for a subscription, as JSON."""
    contract = read_contract(schemas).event(event)
    versions = version or [contract.versions[-1].major]
    print_json(
        render(
            contract,
            transport,
            versions=versions,
            statuses=status or [],
            latest_state=latest_state,
        )
    )


def _generate(name: str, schemas: Path, output: Path | None, *, check: bool) -> None:
    from fanout.contract.generated import ENVELOPE, GENERATED, produce

    contract = read_contract(schemas)
    OUT.print(produce(GENERATED[name], contract, output, check=check), markup=False)
    if name == "registry" and output is None:
        envelope = schemas / ENVELOPE.path.name
        OUT.print(produce(ENVELOPE, contract, envelope, check=check), markup=False)


def _read(file: Path) -> Any:
    try:
        return parse_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(f"{file} can't be read: {error.strerror}.") from error
    except ValueError as error:
        raise WrongUse(f"{file} is no JSON: {error}.") from error
    except RecursionError as error:
        raise WrongUse(f"{file} is nested too deep for a filter.") from error


def _as_document(language: Transport, findings: list[Finding]) -> dict[str, Any]:
    return {
        "transport": language.value,
        "findings": [
            {
                "rule": one.rule,
                "key": one.path,
                "severity": "warning" if one.warning else "error",
                "sentence": one.sentence,
            }
            for one in findings
        ],
    }


if TYPE_CHECKING:
    from fanout.contract.compatibility import Report

schema_app = typer.Typer(
    name="schema", help="Change the contract without breaking anyone.", no_args_is_help=True
)
register(schema_app)


@schema_app.callback()
def schema() -> None:
    """Change the contract without breaking anyone."""


@schema_app.command()
def check(
    against: Annotated[
        str | None,
        typer.Option(help="A git revision or a folder of schemas. [the frozen versions]"),
    ] = None,
    schemas: Annotated[Path, typer.Option(help="The folder of schemas to check.")] = Path(
        "schemas"
    ),
    record: Annotated[
        bool, typer.Option("--record", help="If nothing breaks, freeze what is there now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Fail where a changed schema needs a new major version; say which rule, and whom it breaks.

    Exit codes: 0 nothing breaks, 1 something does, 2 wrong use.
    """
    from fanout.contract.compatibility import as_document, show

    with working("comparing the schemas"):
        report = _report(schemas, against, record=record)
    if as_json:
        print_json(as_document(report))
    else:
        show(report, OUT)
    if not report.passes:
        raise typer.Exit(ExitCode.FOUND)


def _report(folder: Path, against: str | None, *, record: bool) -> "Report":
    """Compare, and record where that is asked for and nothing breaks."""
    from fanout.contract.compatibility import Report, read_frozen, unrecorded, write_frozen
    from fanout.contract.compatibility import check as compare
    from fanout.contract.folder import FolderTree, RevisionTree, read_catalogue

    if against is not None and record:
        raise WrongUse("--record freezes what follows the frozen versions: leave --against out.")
    tree = FolderTree(folder)
    proposed = read_catalogue(tree, complete=True)
    today = dt.datetime.now(dt.UTC).date()
    if against is not None:
        is_folder = against != "" and Path(against).is_dir()
        other = FolderTree(Path(against)) if is_folder else RevisionTree(folder, against)
        base = read_catalogue(other)
        return Report(against=base.label, checked=compare(base, proposed, today))
    base = read_frozen(tree)
    report = Report(
        against=base.label,
        checked=compare(base, proposed, today),
        unrecorded=unrecorded(base, proposed),
    )
    if not record or not report.passes:
        return report
    return replace(report, unrecorded=(), recorded_in=str(write_frozen(folder, proposed.published)))
