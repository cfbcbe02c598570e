"""Which modules a service can import, found by reading the sources and without running any.

Conservative on purpose: an import inside a function counts, and so does a string that names a
module. Where a module computes what it imports, or answers `__getattr__`, its package stays whole.
Only what stands under `if TYPE_CHECKING` is left out, since it never runs.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_IMPORT_FUNCTIONS: Final = {"import_module", "__import__", "LazyLoader"}
_CLIENT_FUNCTIONS: Final = {"create_client", "client"}
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module that could be packaged; a native one has no source to read."""

    name: str
    path: Path
    is_package: bool

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


@dataclass(slots=True, kw_only=True)
class Scan:
    """What one source says: `required` imports are those that no `try` guards."""

    imports: set[str] = field(default_factory=set)
    required: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    client_names: set[str] = field(default_factory=set)
    computes_imports: bool = False
    computes_clients: bool = False

    @property
    def names(self) -> set[str]:
        """Everything that may be the name of a module."""
        return self.imports | {text for text in self.strings if "." in text}

    @property
    def aws_services(self) -> set[str]:
        """What may be an AWS service: the strings given to a function that is called some `client`.

        Every string of the module, where it passes `create_client` something else than a string.
        """
        return self.strings if self.computes_clients else self.client_names


def scan(module: Module) -> Scan:
    """Read one module; one that this Python can't read counts as importing its whole package."""
    if module.path.suffix != ".py":
        return Scan()
    reader = _Reader(module)
    try:
        tree = ast.parse(module.path.read_bytes(), filename=module.path.name)
    except SyntaxError:
        return Scan(computes_imports=True)
    reader.visit(tree)
    return reader.found


def reach(modules: Mapping[str, Module], names: Iterable[str]) -> dict[str, Scan]:
    """Every module that an import of `names` can lead to, with what was read in it."""
    found: dict[str, Scan] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        for known in _with_parents(name):
            if known in found or known not in modules:
                continue
            found[known] = scan(modules[known])
            waiting.extend(found[known].names)
            if found[known].computes_imports:
                inside = f"{modules[known].package}."
                waiting.extend(other for other in modules if other.startswith(inside))
    return found


# Private functions


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


class _Reader(ast.NodeVisitor):
    def __init__(self, module: Module) -> None:
        self.module = module
        self.found = Scan()
        self.guarded = 0

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
        for child in node.orelse if name == "TYPE_CHECKING" else [test, *node.body, *node.orelse]:
            self.visit(child)

    def visit_Try(self, node: ast.Try) -> None:
        self.guarded += 1
        self.generic_visit(node)
        self.guarded -= 1

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parents = self.module.package.split(".")
            kept = parents[: len(parents) - node.level + 1]
            base = ".".join([*kept, base] if base else kept)
        self._add(base)
        self.found.imports.update(f"{base}.{alias.name}" for alias in node.names)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _IMPORT_FUNCTIONS:
            literal = _first_string(node)
            is_absolute = literal is not None and not literal.startswith(".")
            self.found.computes_imports |= not is_absolute
            self.found.imports.update([literal] if literal and is_absolute else [])
        if "client" in name.lower():
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            self.found.client_names.update(filter(None, map(_string, values)))
        if name in _CLIENT_FUNCTIONS:
            self.found.computes_clients |= _first_string(node) is None
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        at_module_level = node.col_offset == 0
        if at_module_level and node.name == "__getattr__":
            self.found.computes_imports = True
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _NAME.fullmatch(node.value):
            self.found.strings.add(node.value)

    def _add(self, name: str) -> None:
        self.found.imports.add(name)
        if not self.guarded:
            self.found.required.add(name)


def _first_string(call: ast.Call) -> str | None:
    return _string(call.args[0]) if call.args else None


def _string(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None
