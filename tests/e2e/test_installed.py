"""The command line from its wheel, in an empty folder, with no clone in sight."""

import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from fanout.local.stack import load_template
from fanout.packaging.build import build_package, here
from sentinel.contract.folder import read_contract

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WHAT_IT_FINDS = """
import json
import event_consumer.testing.events as kit
from sentinel.contract.folder import installed_contract
from fanout.local.stack import TEMPLATE, load_template
from fanout.packaging.build import here
versions = [one for event in installed_contract().events for one in event.versions]
print(json.dumps({
    "template": load_template(), "services": here().services(),
    "schemas": [installed_contract().envelope, *[one.schema for one in versions]],
    "files": [kit.__file__, str(kit._CONTRACT), str(TEMPLATE), str(here().root)],
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel in a virtual environment that has other people's packages from this one."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    [wheel] = folder.glob("*.whl")
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    options = ["--python", python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", *options, wheel], check=True)
    [site] = venv.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but its own .pth files, such as this clone's, are not read.
    site.joinpath("others.pth").write_text(sysconfig.get_path("purelib"))
    empty = folder / "empty"
    empty.mkdir()

    def run(*command, **settings):
        return subprocess.run(
            [venv / "bin" / command[0], *command[1:]],
            cwd=empty,
            env={"PATH": os.defpath, "HOME": str(folder), **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    yield SimpleNamespace(run=run, venv=venv, folder=folder)
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [["--version"], ["schema", "lint-filter", "--help"], ["local", "up", "--help"]]
)
def test_the_command_line_starts_in_an_empty_folder(installed, arguments):
    done = installed.run("fanout", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    if arguments == ["--version"]:
        assert done.stdout.strip() == version("customer-status-fanout")


def test_it_finds_the_same_template_schemas_and_services_as_in_a_clone(installed):
    done = installed.run("python", "-c", WHAT_IT_FINDS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    contract = read_contract(ROOT / "schemas")
    versions = [version for event in contract.events for version in event.versions]
    assert found["schemas"] == [contract.envelope, *(one.schema for one in versions)]
    assert found["template"] == json.loads(json.dumps(load_template()))
    assert {"publisher", "payments_consumer"} <= set(found["services"]) <= set(here().services())
    assert all(Path(path).is_relative_to(installed.venv) for path in found["files"])


def test_it_builds_the_same_package_as_a_clone_and_caches_in_the_home_folder(installed, tmp_path):
    options = ["--service", "publisher", "--output", str(tmp_path / "there")]
    done = installed.run("fanout", "package", *options)
    assert done.returncode == 0, done.stderr
    built = build_package("publisher", output=tmp_path / "here")
    assert (tmp_path / "there" / built.path.name).read_bytes() == built.path.read_bytes()
    assert list((installed.folder / ".cache" / "fanout" / "packages").iterdir())
    assert not list(installed.venv.rglob("build/packages"))


def test_a_new_subscriber_needs_a_clone(installed):
    done = installed.run("fanout", "subscribers", "new", "fraud")
    assert done.returncode == 2
    assert "is written into a clone" in done.stderr
    assert not list(installed.venv.rglob("fraud*"))
