"""Terraform with one provider for all tests of a worker, and what it would deploy."""

import json
import os
from fcntl import LOCK_EX, flock
from functools import cache

import pytest

from infra import parity_terraform
from infra.parity_settings import DEPLOYMENTS
from infra.terraform_workspace import one_provider, workspace

PLANNED = {
    f"sns_fanout {name}": ("sns_fanout", one.terraform) for name, one in DEPLOYMENTS.items()
} | {
    f"{example} to try it": (example, parity_terraform.TO_TRY)
    for example in ("sns_fifo_fanout", "eventbridge_fanout", "pipes_fanout")
}


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """A copy of the modules, for tests that mock AWS."""
    with workspace(tmp_path_factory.mktemp("terraform")) as copied, one_provider(copied) as shared:
        yield shared


@pytest.fixture(scope="session")
def planned_state(terraform, tmp_path_factory):
    """What Terraform plans for an example, by its name and the deployment's; one worker plans."""
    folder = tmp_path_factory.getbasetemp()
    path = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "planned.json"
    with path.with_suffix(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not path.exists():
            path.write_text(json.dumps(parity_terraform.planned(terraform, PLANNED)))
    planned = json.loads(path.read_text())
    return lambda example, deployment="to try it": planned[f"{example} {deployment}"]


@pytest.fixture(scope="session")
def planned_example(planned_state):
    """Type and values of each resource of a fan-out example, by the example's name."""
    return cache(lambda *name: [(it["type"], it["values"]) for it in planned_state(*name)])
