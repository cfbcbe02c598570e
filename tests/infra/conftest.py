"""What Terraform would deploy, computed once for all tests of a worker."""

from functools import cache

import pytest

from infra import parity_terraform
from infra.terraform_workspace import require_provider, workspace


@pytest.fixture(scope="session")
def applied_example(tmp_path_factory):
    """Type and values of each resource of a fan-out example, by the example's name."""
    with workspace(tmp_path_factory.mktemp("applied")) as found:
        require_provider(found)
        yield cache(lambda example: parity_terraform.applied(found, example))
