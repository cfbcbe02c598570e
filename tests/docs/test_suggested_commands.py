"""Every command that a message, a help text, a page or a template suggests exists, options and all.

`test_commands_in_docs.py` runs the form of what stands in shell blocks; here are the rest: strings
of the code, code spans of pages, and templates.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer

from docs.doc_blocks import ROOT
from docs.doc_names import every_option, options_of, spans
from fanout.cli import COMMANDS, app, load

_FANOUT = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?fanout((?:\s+[^\s`]+)+)")
_END = re.compile(r"""[<>()[\]"'…]|[,.;:]$""")
_USER_AGENT = re.compile(r"fanout (\w+ )?botocore/")
_VALUE = "VALUE"
_OF_THE_AWS_CLI = {
    "--stack-name",
    "--queue-url",
    "--message-attribute-names",
    "--max-number-of-messages",
    "--table-name",
    "--item",
    *("--enabled", "--uuid", "--name", "--since"),
}


@cache
def texts_of(path: Path) -> tuple[str, ...]:
    """The strings of a module as a person reads them: VALUE stands for what is filled in."""
    return tuple(_texts_of(path))


def _texts_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.Constant) else _VALUE for one in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def sources() -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / "src").rglob("*.py")):
        yield from ((path, text) for text in texts_of(path))
    for folder, kinds in (("src", ("*.jinja",)), ("infra", ("*.yaml", "*.tf"))):
        for kind in kinds:
            for path in sorted((ROOT / folder).rglob(kind)):
                if ".terraform" not in path.parts:
                    yield path, path.read_text(encoding="utf-8")
    yield from ((ROOT / span.page, span.text) for span in spans())


def phrases(text: str) -> Iterator[list[str]]:
    """The words after `fanout`, up to the end of the span or of the clause."""
    for match in _FANOUT.finditer(_USER_AGENT.sub("", text)):
        words: list[str] = []
        for word in match[1].split():
            end = _END.search(word)
            words.append(word[: end.start()] if end else word)
            if end:
                break
        yield [word for word in words if word]


full = cache(load)


def fault_of(words: list[str]) -> str | None:
    """What does not exist; None where the command does."""
    command, at = None, "fanout"
    options = options_of(typer.main.get_command(app))
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            if name not in options:
                return f"{at} has no option {name}"
            if options[name] and not value:
                next(rest, None)
        elif command is None or hasattr(command, "commands"):
            names = COMMANDS if command is None else command.commands
            if not word.islower():
                return None
            if word not in names:
                return f"no command {at} {word}"
            command, at = full(word) if command is None else names[word], f"{at} {word}"
            options |= options_of(command)
    return None


def test_a_command_that_is_suggested_exists_with_its_options():
    suggested = [(path, words) for path, text in sources() for words in phrases(text)]
    faults = {
        f"{path.relative_to(ROOT)}: fanout {' '.join(words)}": fault
        for path, words in suggested
        if (fault := fault_of(words))
    }
    assert faults == {}
    kinds = {path.suffix for path, _ in suggested}
    folders = {path.relative_to(ROOT).parts[0] for path, _ in suggested}
    assert kinds >= {".py", ".jinja", ".md"}
    assert folders >= {"src", "docs", "infra"}


def test_an_option_that_a_message_names_exists():
    known = every_option() | _OF_THE_AWS_CLI
    unknown = [
        (path.relative_to(ROOT).as_posix(), option)
        for path in sorted((ROOT / "src" / "fanout").rglob("*.py"))
        for text in texts_of(path)
        if " " in text.strip()
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)
        if option not in known
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("3 dead messages are left: fanout dlq groups VALUE", "no command fanout dlq groups"),
        ("run `fanout dlq show VALUE --bodies` first", "fanout dlq show has no option --bodies"),
        ("run fanout redrive, or wait", "no command fanout redrive"),
        ("(fanout dlq replay VALUE); deleting", None),
        ("`fanout --prefix x dlq list`, and then", None),
        ("the group `fanout dlq …`", None),
    ],
)
def test_a_command_or_option_that_does_not_exist_is_noticed(text, fault):
    assert [fault_of(words) for words in phrases(text)] == [fault]
