"""What the documentation shows can be typed: whole pages, and the form of every command."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from docs.doc_blocks import ROOT, Command, blocks, commands, pages
from fanout.cli import app

_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def test_every_fanout_command_that_is_shown_has_its_form():
    shown = commands("fanout")
    assert len(shown) > 100
    for command in shown:
        try:
            parse(command)
        except click.exceptions.UsageError as error:
            pytest.fail(f"{command}: {error.format_message()}")


def parse(command: Command) -> None:
    """Read the arguments as the command line does, without running anything."""
    root = typer.main.get_command(app)
    words = [word for word in command.words[1:] if not word.startswith("${")]  # but arrays of such
    context = None
    while True:
        context = root.make_context(root.name, words, parent=context)
        if not isinstance(root, click.Group) and not hasattr(root, "resolve_command"):
            return
        rest = [*getattr(context, "_protected_args", []), *context.args]
        _, root, words = root.resolve_command(context, rest)


def test_links_within_the_project_lead_somewhere():
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith(("http:", "https:", "mailto:"))
        and not (page.parent / target).exists()
    ]
    assert missing == []


@pytest.mark.slow
def test_running_it_locally_works_word_for_word(tmp_path: Path):
    shown = blocks(ROOT / "docs/howto/local.md")
    end = "trap 'fanout local down > down.log && rm down.log' EXIT\n"
    script = f"set -euo pipefail\n{end}" + "\n".join(
        block.replace("make install\n", "").replace(". .venv/bin/activate\n", "") for block in shown
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUSPENDED BLOCKED" in done.stdout
    assert '{"hello" NotJson' in done.stdout
    assert not list(tmp_path.iterdir())
