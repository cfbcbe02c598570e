"""The page about the architecture names files, symbols and folders that exist."""

import re
from pathlib import Path

from docs.doc_blocks import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "docs" / "images" / "house.svg").read_text(encoding="utf-8")
TOP = "src|infra|tests|schemas|docs|scripts|bench"
PATHS = sorted(set(re.findall(rf"`((?:{TOP})/[\w./-]+)`", PAGE)))
SYMBOLS = sorted(set(re.findall(rf"`((?:{TOP})/[\w./-]+)`: `(\w+)`(?: and `(\w+)`)?", PAGE)))


def defines(path: Path, symbol: str) -> bool:
    forms = {
        ".py": rf"^(?:def|class) {symbol}\b|^{symbol}\b.* = ",
        ".tf": rf"^  {symbol} = |^\w+ .*\"{symbol}\"",
        ".yaml": rf"^  {symbol}:",
    }
    return bool(re.search(forms[path.suffix], path.read_text(encoding="utf-8"), re.MULTILINE))


def packages(folder: str) -> set[str]:
    return {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}


def test_every_path_of_the_page_exists():
    assert [path for path in PATHS if not (ROOT / path).exists()] == []


def test_every_test_file_of_the_page_exists():
    names = set(re.findall(r"`(\w+\.py|\w+\.tftest\.hcl)`", PAGE)) - {"ports.py", "rule.py"}
    known = {path.name for path in [*ROOT.glob("tests/**/*"), *ROOT.glob("infra/**/*.hcl")]}
    known |= {path.name for path in ROOT.glob("src/**/*.py")}
    assert names - known - {"handling.py"} == set()
    assert len(names) > 15


def test_every_symbol_is_defined_in_its_file():
    for path, *symbols in SYMBOLS:
        for symbol in filter(None, symbols):
            assert defines(ROOT / path, symbol), f"{path}: {symbol}"


def test_the_steps_of_both_paths_are_numbered_without_a_gap():
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    record = numbers[: numbers.index(1, 1)]
    message = numbers[len(record) :]
    assert (record, message) == ([*range(1, len(record) + 1)], [*range(1, len(message) + 1)])
    assert len(PATHS) > 40
    assert len(SYMBOLS) > 20


def test_every_folder_of_tests_is_on_the_page():
    folders = {
        path.name
        for path in (ROOT / "tests").iterdir()
        if path.is_dir() and any(path.rglob("test_*.py"))
    }
    assert {name for name in folders if f"`tests/{name}`" not in PAGE} == set()


def test_the_picture_shows_every_package():
    words = set(re.findall(r"[\w/]+", re.sub(r"<style>.*?</style>", "", PICTURE, flags=re.DOTALL)))
    services = {f"src/{name}" for name in packages("src")}
    assert services - words == set()
    assert packages("src/fanout") - words == set()
    for path in (word for word in words if word.startswith(("src/", "infra/", "schemas/"))):
        assert (ROOT / path).exists(), path
