"""The names that the documentation shows, by their form, and the names that the sources hold."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from docs.doc_blocks import ROOT, pages
from fanout.cli import COMMANDS, app, load

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
# They tell what was decided or changed at a time, in the names of that time.
_OF_THE_PAST = ("CHANGELOG.md", "docs/adr/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text that a page sets as code: a span in a line, or a block of a language."""

    page: str
    text: str
    language: str = ""

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


@cache
def spans() -> tuple[Shown, ...]:
    """Every code span of the pages that tell what is now."""
    return tuple(
        Shown(page=name, text=span)
        for name, text in _current()
        for span in _SPAN.findall(_FENCE.sub("", text))
    )


@cache
def blocks() -> tuple[Shown, ...]:
    """Every code block of those pages."""
    return tuple(
        Shown(page=name, text=code, language=language)
        for name, text in _current()
        for language, code in _FENCE.findall(text)
    )


@cache
def words_of_sources() -> frozenset[str]:
    """Each word of code: names and texts of Python, the rest of other files; no comment."""
    words: set[str] = set()
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            texts = _names_and_texts(ast.parse(text))
        else:
            texts = iter([re.sub(r"^\s*(#|//).*$", "", text, flags=re.MULTILINE)])
        for one in texts:
            words.update(re.findall(r"[A-Za-z_$][\w$]*(?:-[\w$]+)*", one))
            words.update(re.findall(r"\w+", one))
    return frozenset(words)


def options_of(command: Any) -> dict[str, bool]:
    """Each option of a command, and whether it takes a value."""
    return {"--help": False} | {
        name: not getattr(each, "is_flag", False)
        for each in getattr(command, "params", ())
        for name in (*each.opts, *each.secondary_opts)
    }


@cache
def every_option() -> frozenset[str]:
    """The options of all commands."""
    waiting: list[Any] = [typer.main.get_command(app), *map(load, COMMANDS)]
    found: set[str] = set()
    while waiting:
        command = waiting.pop()
        found |= set(options_of(command))
        if command.name != "fanout":
            waiting += getattr(command, "commands", {}).values()
    return frozenset(found)


# Private functions


def _current() -> Iterator[tuple[str, str]]:
    for page in pages():
        name = page.relative_to(ROOT).as_posix()
        if not name.startswith(_OF_THE_PAST):
            yield name, page.read_text(encoding="utf-8")


def _sources() -> Iterator[Path]:
    kept = {".py", ".json", ".jinja", ".yaml", ".tf", ".hcl", ".sh", ".toml", ".js", ".mjs"}
    for folder in ("src", "infra", "schemas", "scripts", "bench", "examples"):
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if path.suffix in kept and ".terraform" not in parts:
                yield path
    yield from (ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run"))


def _names_and_texts(tree: ast.Module) -> Iterator[str]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield str(node.value)
        for name in ("id", "attr", "arg", "name", "module"):
            found = getattr(node, name, None)
            if isinstance(found, str):
                yield found
