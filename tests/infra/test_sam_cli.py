"""`sam` itself in what a clone would hold: it validates and builds; what it built starts.

It runs with this Python as the runtime, and reaches only the package index.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from samtranslator.yaml_helper import yaml_parse

from fanout.packaging.build import build_package
from fanout.packaging.dependencies import running_version
from infra.sam_template import FOLDER, ROOT, read
from project_copy import copy_compiled

pytestmark = [pytest.mark.slow, pytest.mark.infra]

RUNTIME = f"python{running_version()}"
SERVICES = {
    "PublisherFunction": "publisher",
    "ConsumerFunction": "payments_consumer",
    "SentinelFunction": "sentinel",
}
TIMEOUT_SECONDS = 1800


@pytest.fixture(scope="session")
def sam_cli():
    """The program, in a virtual environment of its own that one worker makes for all."""
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "sam-venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["sh", "scripts/tool_venv.sh", str(Path(sys.executable).parent), "sam"]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return ROOT / done.stdout.strip() / "bin" / "sam"


@pytest.fixture
def clone(tmp_path, sam_cli):
    """What a clone would hold, with a Makefile for this Python, and `sam` in it."""
    names = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    shown = subprocess.run(names, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    folder = tmp_path / "a clone"
    for name in shown.splitlines():
        if (ROOT / name).exists():  # else it was removed, and that is not committed yet
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    makefile = folder / "infra/sam/functions" / RUNTIME / "Makefile"
    makefile.parent.mkdir(exist_ok=True)  # Lambda's default may be newer than this Python
    makefile.write_text(_makefile("python3.13").read_text().replace("python3.13", RUNTIME))

    def sam(*arguments, **environment):
        return subprocess.run(
            [sam_cli, *arguments],
            cwd=folder,
            env=os.environ
            | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_VERSION": "0"}
            | {"__SAM_CLI_APP_DIR": str(tmp_path)}
            | {"AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"}
            | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    return SimpleNamespace(folder=folder, sam=sam, built=folder / ".aws-sam/build/template.yaml")


def test_sam_validates_and_builds_a_clone_and_its_functions_start(clone, tmp_path):
    for service in SERVICES.values():  # to install dependencies anew takes a quarter of a minute
        build_package(service, arch="both", python_version=running_version(), output=tmp_path)
    copy_compiled(clone.folder)
    valid = clone.sam("validate")
    assert valid.returncode == 0, valid.stdout
    built = clone.sam("build", "--parameter-overrides", f"Runtime={RUNTIME} Architecture=x86_64")
    assert built.returncode == 0, built.stdout
    resources = yaml_parse(clone.built.read_text())["Resources"]
    for name, service in SERVICES.items():
        require_start(clone.built.parent / resources[name]["Properties"]["CodeUri"], service)
    for kept in ("src/publisher/__pycache__", "infra/sam/.aws-sam"):
        assert not (clone.folder / kept).exists()


def require_start(folder, service):
    """What Lambda would get starts alone, and has modules for both processors."""
    native = {path.name.rpartition(".cpython-")[2] for path in folder.rglob("*.so")}
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import {service}.bootstrap"
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
    machines = {name.partition("-")[2] for name in native}
    assert machines == (
        {"aarch64-linux-gnu.so", "x86_64-linux-gnu.so"} if service != "publisher" else set()
    )


def test_without_the_runtimes_python_nothing_is_built_and_one_sentence_says_so(clone, tmp_path):
    shim = tmp_path / "programs" / "python3.14"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    done = clone.sam(
        *("build", "--parameter-overrides", "Runtime=python3.14"),
        PATH=f"{shim.parent}{os.pathsep}{os.environ['PATH']}",
    )
    assert done.returncode == 1
    assert "Make Failed: No working python3.14 with pip on the PATH" in done.stdout
    assert not clone.built.exists()


def test_without_the_package_index_nothing_is_built_and_one_sentence_says_so(clone):
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    done = clone.sam("build", "--parameter-overrides", f"Runtime={RUNTIME}", **nowhere)
    assert done.returncode == 1
    assert "Make Failed: pip could not get the dependencies in publisher.txt" in done.stdout
    assert not clone.built.exists()


# What the files say, without `sam`


def test_there_is_a_makefile_for_each_runtime_and_no_other():
    allowed = read()["Parameters"]["Runtime"]["AllowedValues"]
    folders = [path.parent.name for path in (FOLDER / "functions").glob("*/Makefile")]
    assert sorted(folders) == sorted(allowed)
    for runtime in allowed:
        assert _makefile(runtime).read_text().startswith(f"runtime := {runtime}\n")


def test_the_shipped_configuration_builds_and_deploys_the_templates_default_runtime():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    runtime = read()["Parameters"]["Runtime"]["Default"]
    assert config["global"]["parameters"]["parameter_overrides"] == [f"Runtime={runtime}"]
    for command in ("build", "validate"):
        assert ROOT / config[command]["parameters"]["template_file"] == FOLDER / "template.yaml"
    assert "region" not in json.dumps(config)


# Private functions


def _makefile(runtime):
    return FOLDER / "functions" / runtime / "Makefile"
