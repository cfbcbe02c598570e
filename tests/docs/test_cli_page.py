"""The page about the command line is what the command line says of itself."""

import importlib.util

from docs.doc_blocks import ROOT

SCRIPT = ROOT / "scripts" / "cli_page.py"


def script():
    spec = importlib.util.spec_from_file_location("cli_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current():
    found = script()
    assert found.PAGE.read_text(encoding="utf-8") == found.page(), (
        "run .venv/bin/python scripts/cli_page.py"
    )
