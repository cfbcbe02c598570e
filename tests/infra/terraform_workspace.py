"""Terraform as the tests run it: on a copy of the modules, offline where a mirror is named.

`FANOUT_TERRAFORM_MIRROR` is a folder in the layout of a filesystem mirror, with the AWS provider.
Without it Terraform asks the registry. Where neither answers, tests are skipped, or, with
`FANOUT_REQUIRE_TERRAFORM=1`, fail.

Terraform starts the provider, and asks for its schema of some megabytes, for each run block, and
for each configuration of it whenever it validates, plans or applies. So tests share one provider
process, to which Terraform reattaches.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

TERRAFORM = Path(__file__).parents[2] / "infra" / "terraform"
MODULES = sorted(path.name for path in (TERRAFORM / "modules").iterdir() if path.is_dir())
EXAMPLES = sorted(path.name for path in (TERRAFORM / "examples").iterdir() if path.is_dir())
_TIMEOUT_SECONDS = 900
_INIT_TIMEOUT_SECONDS = 300
_PROVIDER_TIMEOUT_SECONDS = 60


class TerraformFailed(AssertionError):
    """The command and what Terraform said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A copy of `infra/terraform` in which Terraform may leave its files."""

    root: Path
    environment: dict[str, str]
    init_arguments: tuple[str, ...]

    def folder(self, *parts: str) -> Path:
        """A module's or example's folder."""
        return self.root.joinpath(*parts)

    def init(self, folder: Path) -> None:
        """Prepare a folder; the provider is linked, not copied.

        Raises:
            TerraformFailed: there is no provider, or the configuration is broken.
        """
        self.run(
            folder, "init", "-backend=false", *self.init_arguments, timeout=_INIT_TIMEOUT_SECONDS
        )

    def provider(self) -> Path:
        """The AWS provider's program."""
        folder = self.folder("modules", "dashboard", ".terraform", "providers")
        [program] = folder.glob("*/hashicorp/aws/*/*/terraform-provider-aws*")
        return program

    def run(self, folder: Path, *arguments: str, timeout: int = _TIMEOUT_SECONDS) -> str:
        """Run Terraform and return what it printed.

        Raises:
            TerraformFailed: it ended with another exit code than 0.
        """
        done = self.attempt(folder, *arguments, timeout=timeout)
        if done.returncode != 0:
            raise TerraformFailed(
                f"terraform {' '.join(arguments)} in {folder.name}:\n{errors_in(done.stdout)}"
            )
        return done.stdout

    def attempt(
        self, folder: Path, *arguments: str, timeout: int = _TIMEOUT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run Terraform and return its exit code with everything that it printed."""
        return subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def changes(self, folder: Path, plan: str) -> list[dict[str, Any]]:
        """What a saved plan would change, as Terraform's JSON tells it."""
        return [
            change
            for change in self.shown(folder, plan).get("resource_changes", [])
            if change["change"]["actions"] not in (["no-op"], ["read"])
        ]

    def shown(self, folder: Path, plan: str) -> dict[str, Any]:
        """A saved plan, as Terraform's JSON tells it."""
        printed = self.run(folder, "show", "-json", plan)
        document: dict[str, Any] = json.loads(printed[printed.index("{") :])
        return document


@contextmanager
def workspace(root: Path, **variables: str) -> Iterator[Workspace]:
    """Copy the modules into `root`; skip, or fail where it is required, without the provider."""
    if shutil.which("terraform") is None:
        absent("there is no `terraform` on the PATH")
    shutil.copytree(
        TERRAFORM,
        root / "infra" / "terraform",
        ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"),
    )
    mirror = os.environ.get("FANOUT_TERRAFORM_MIRROR")
    cache = root / "plugin-cache"
    cache.mkdir()
    copied = Workspace(
        root=root / "infra" / "terraform",
        environment=_environment(cache, offline=bool(mirror)) | variables,
        init_arguments=(f"-plugin-dir={mirror}",) if mirror else (),
    )
    try:
        copied.init(copied.folder("modules", "dashboard"))
    except (TerraformFailed, subprocess.TimeoutExpired) as error:
        absent(f"the AWS provider can't be had (set FANOUT_TERRAFORM_MIRROR): {error}")
    yield copied


@contextmanager
def one_provider(found: Workspace) -> Iterator[Workspace]:
    """Start the AWS provider once, for every command in the workspace that is yielded.

    One process has one configuration: this is for tests that mock the provider, and for those that
    configure it everywhere alike.
    """
    output = found.root / "provider.log"
    with output.open("w") as log:
        process = subprocess.Popen(
            [found.provider(), "-debug"],
            stdout=log,
            stderr=subprocess.DEVNULL,
            env=found.environment,
        )
    try:
        settings = {"TF_REATTACH_PROVIDERS": _reattach(process, output)}
        yield replace(found, environment=found.environment | settings)
    finally:
        process.kill()  # it holds nothing: its state is Terraform's
        process.wait()


def absent(reason: str) -> None:
    """Skip the test, or fail it where FANOUT_REQUIRE_TERRAFORM=1."""
    if os.environ.get("FANOUT_REQUIRE_TERRAFORM") == "1":
        pytest.fail(f"Terraform is required, and {reason}")
    pytest.skip(reason)


def errors_in(printed: str) -> str:
    """From the first error on, each line's start: a plan can be longer than a report may be."""
    lines = printed[max(printed.find("Error: "), 0) :].splitlines()
    return "\n".join(line[:2000] for line in lines)


# Private functions


def _reattach(process: subprocess.Popen[bytes], output: Path) -> str:
    """What the provider prints once it listens: the value of TF_REATTACH_PROVIDERS."""
    deadline = time.monotonic() + _PROVIDER_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if printed := re.search(r"TF_REATTACH_PROVIDERS='(.*)'\n", output.read_text()):
            return printed[1]
        time.sleep(0.05)
    raise TerraformFailed(f"the provider does not start: {output.read_text()}")


def _environment(cache: Path, *, offline: bool) -> dict[str, str]:
    """Nothing of the person's AWS settings, nor of Terraform's, which may name lost files."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))
    }
    settings = {
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "GOGC": "1000",  # reading the schema is most of the work; much of that was collecting
        "GOMEMLIMIT": "1GiB",
        "TF_CLI_ARGS_plan": "-input=false",
    }
    return kept | settings | ({} if offline else {"TF_PLUGIN_CACHE_DIR": str(cache)})
