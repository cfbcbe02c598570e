"""`fanout schema`: the contract's tools."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fanout.catalogue.commands import register
from fanout.console import OUT, print_json, working
from fanout.errors import ExitCode, WrongUse

if TYPE_CHECKING:
    from fanout.schema.report import Report

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
    from fanout.schema.report import as_document, show

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
    from fanout.schema.catalogue import read_catalogue
    from fanout.schema.compatibility import check as compare
    from fanout.schema.frozen import read_frozen, unrecorded, write_frozen
    from fanout.schema.report import Report
    from fanout.schema.trees import FolderTree, RevisionTree

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
