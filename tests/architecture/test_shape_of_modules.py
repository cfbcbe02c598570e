"""Modules with honest names, short functions, typed packages."""

import ast
from pathlib import Path

import pytest

from architecture.source_tree import PACKAGES, SRC, module_files, module_name, parse

FUNCTION_LINES_MAX = 40
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "misc", "shared", "base"}


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """What there is to follow: the lines after signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_a_function_fits_on_a_screen():
    too_long = [
        f"{module_name(path)}.{node.name}"
        for path in module_files()
        for node in ast.walk(parse(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and body_lines(node) > FUNCTION_LINES_MAX
    ]
    assert too_long == []


def test_a_module_is_named_for_what_it_holds():
    for path in module_files():
        parts = set(path.relative_to(SRC).with_suffix("").parts)
        assert not parts & NAMES_THAT_SAY_NOTHING, module_name(path)


def test_a_module_says_what_it_is_for():
    for path in module_files():
        assert ast.get_docstring(parse(path)), module_name(path)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed_and_explains_itself(package):
    assert (SRC / package / "py.typed").is_file()
    assert (SRC / package / "__init__.py").is_file()


def test_every_folder_of_modules_is_a_package_and_every_package_is_known():
    folders = {path.parent for path in module_files()}
    assert all((folder / "__init__.py").is_file() for folder in folders)
    assert {Path(module_name(path)).parts[0].partition(".")[0] for path in module_files()} == set(
        PACKAGES
    )
