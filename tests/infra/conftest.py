"""Terraform with one provider for all tests of a worker, and what it would deploy."""

import json
import os
from fcntl import LOCK_EX, flock
from functools import cache

import pytest

from infra import parity_terraform
from infra.parity_settings import DEPLOYMENTS, WHOSE_ALARMS_NOTIFY
from infra.terraform_workspace import one_provider, workspace

SETTINGS = {name: one.terraform for name, one in DEPLOYMENTS.items()} | {
    "whose alarms notify": WHOSE_ALARMS_NOTIFY
}


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """A copy of the modules, for tests that mock AWS."""
    with workspace(tmp_path_factory.mktemp("terraform")) as copied, one_provider(copied) as shared:
        yield shared


@pytest.fixture(scope="session")
def applied_state(terraform, tmp_path_factory):
    """What Terraform deploys with an example, by its name and the deployment's; computed once."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    @cache
    def state(example, deployment="to try it"):
        path = shared / f"{example} {deployment}.json"
        with path.with_suffix(".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not path.exists():
                settings = SETTINGS[deployment]
                path.write_text(json.dumps(parity_terraform.applied(terraform, example, settings)))
        return json.loads(path.read_text())

    return state


@pytest.fixture(scope="session")
def applied_example(applied_state):
    """Type and values of each resource of a fan-out example, by the example's name."""
    return cache(lambda *name: [(it["type"], it["values"]) for it in applied_state(*name)])
