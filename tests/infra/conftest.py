"""Terraform with one provider, and what it would deploy, once for all tests of a worker."""

from functools import cache

import pytest

from infra import parity_terraform
from infra.terraform_workspace import one_provider, workspace


@pytest.fixture(scope="session")
def terraform(tmp_path_factory):
    """A copy of the modules, for tests that mock AWS."""
    with workspace(tmp_path_factory.mktemp("terraform")) as copied, one_provider(copied) as shared:
        yield shared


@pytest.fixture(scope="session")
def applied_state(terraform):
    """What Terraform deploys with a fan-out example, by the example's name."""
    return cache(lambda example: parity_terraform.applied(terraform, example))


@pytest.fixture(scope="session")
def applied_example(applied_state):
    """Type and values of each resource of a fan-out example, by the example's name."""
    return cache(lambda example: [(it["type"], it["values"]) for it in applied_state(example)])
