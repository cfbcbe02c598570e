"""The shell commands that the documentation shows."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^( *)```(?:sh|bash|console)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?.*?\n\1\n", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of one page, as words."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def pages() -> list[Path]:
    """Every Markdown page of the project, and no look at what other tests build meanwhile."""
    skipped = {"node_modules", ".git", ".venv", "build", "dist", ".fanout", ".terraform"}
    return sorted(
        path
        for top in ROOT.iterdir()
        if top.name not in skipped
        for path in ([top] if top.is_file() else top.rglob("*.md"))
        if path.suffix == ".md" and not skipped.intersection(path.relative_to(ROOT).parts)
    )


def blocks(page: Path) -> list[str]:
    """The shell blocks of a page, in order; those in lists without their indentation."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def commands(program: str) -> list[Command]:
    """Every command of `program` that a page shows, options and all."""
    return [
        Command(page=page.relative_to(ROOT).as_posix(), words=words)
        for page in pages()
        for block in blocks(page)
        for words in _simple_commands(block)
        if words and words[0].removeprefix(".venv/bin/") == program
    ]


def _simple_commands(block: str) -> Iterator[tuple[str, ...]]:
    text = _HERE_DOCUMENT.sub("\n", block + "\n").replace("\\\n", " ")
    for line in text.splitlines():
        try:
            words = shlex.split(line.removeprefix("$ "), comments=True)
        except ValueError:
            continue  # part of a longer quotation, such as a program passed to python -c
        command: list[str] = []
        for word in [*words, ";"]:
            if word in {";", "&&", "||", "|", "&"} or word.startswith((">", "2>")):
                yield tuple(_without_assignments(command))
                command = []
            else:
                command.append(word)


def _without_assignments(words: list[str]) -> list[str]:
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words
