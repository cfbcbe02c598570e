"""Who may know whom: the layers of `pyproject.toml`, AWS at the edge only, no work on import."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import configuration
from importlinter.application.use_cases import lint_imports

from architecture.source_tree import (
    CONSUMERS,
    ENTRY_FILES,
    PACKAGES,
    PROJECT,
    ROOT,
    SRC,
    module_files,
    module_name,
    parse,
    top_level_imports,
)

LAYERED = ("cold_start", "customer_events", "event_consumer", *CONSUMERS, "publisher", "sentinel")
AT_THE_EDGE = {"boto3", "botocore", "os"}
EDGE = {
    "publisher": {"bootstrap", "bus_errors"},
    "event_consumer": {
        *(
            "bootstrap",
            "guarded_batches",
            "guarded_table",
            "processed_events",
            "settings",
            "sqs_queue",
        ),
        "memory",  # the test kit's: it checks a subscriber's writes as botocore does
    },
    **{name: {"bootstrap", "settings"} for name in CONSUMERS},
    "cold_start": {"clients"},
    "customer_events": set(),
    "sentinel": {"bootstrap", "findings", "folder", "rounds"},
}
PROBE = Path(__file__).parent / "import_probe.py"


def contracts() -> list[dict]:
    return PROJECT["tool"]["importlinter"]["contracts"]


def probe(folder: Path, modules: list[str]) -> list[str]:
    """What the modules did while an interpreter without environment imported them."""
    command = [sys.executable, "-I", "-B", str(PROBE), str(folder), *modules]
    answer = subprocess.run(
        command, env={}, capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(answer.stdout)


def test_the_import_contracts_hold(capsys):
    configuration.configure()
    assert lint_imports(str(ROOT / "pyproject.toml"), cache_dir=None), capsys.readouterr().out


@pytest.mark.parametrize("package", LAYERED)
def test_each_module_of_a_package_has_its_place_in_exhaustive_layers(package):
    layers = [
        one
        for one in contracts()
        if one["type"] == "layers" and package in one.get("containers", [])
    ]
    assert len(layers) == 1
    assert layers[0]["exhaustive"] is True


@pytest.mark.parametrize(
    "path", [path for path in module_files() if "fanout" not in path.parts], ids=module_name
)
def test_only_adapters_settings_and_bootstrap_know_aws_and_the_system(path):
    allowed = EDGE[path.relative_to(SRC).parts[0]]
    assert path.stem in allowed or not top_level_imports(path) & AT_THE_EDGE


def test_the_modules_at_the_edge_exist():
    for package, names in EDGE.items():
        modules = {path.stem for path in (SRC / package).rglob("*.py")}
        assert names <= modules | {"settings"}


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_does_work_on_import_apart_from_entry_files(package):
    modules = [
        module_name(path)
        for path in module_files()
        if path.is_relative_to(SRC / package) and path.stem not in ENTRY_FILES
    ]
    assert modules
    assert probe(SRC, modules) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("from os import environ\nX = environ.get('HOME')", "environment HOME"),
        ("import os\nX = os.getenv('HOME')", "environment HOME"),
        ("import os\nX = os.environ['BUS_ARN']", "environment BUS_ARN"),
        ("from pathlib import Path\nX = Path(__file__).read_text()", "open "),
        ("import socket\nX = socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo"),
        ("import subprocess\nX = subprocess.run(['true'])", "subprocess.Popen"),
        ("import os\nos.mkdir('made')", "os.mkdir made"),
        ("X = 1 / 0", "ZeroDivisionError"),
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(1,)).start()",
            "thread",
        ),
    ],
)
def test_work_on_import_is_noticed(tmp_path, code, finding):
    (tmp_path / "hasty.py").write_text(code, encoding="utf-8")
    (tmp_path / "calm.py").write_text("import json, hasty", encoding="utf-8")
    assert finding in " ".join(probe(tmp_path, ["calm"]))


@pytest.mark.parametrize(
    "path", [path for path in module_files() if path.stem in ENTRY_FILES], ids=module_name
)
def test_an_entry_file_builds_its_handler_from_bootstrap_and_nothing_else(path):
    docstring, imported, *rest = parse(path).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(imported, ast.ImportFrom)
    assert [alias.name for alias in imported.names] == ["bootstrap"]
    assert [type(one) for one in rest] == [ast.Assign]
    assert ast.unparse(rest[0].value).startswith("bootstrap.")
