"""The examples, deployed for real on the embedded AWS with the real packages, and taken down.

`sns_fanout` is deployed by the page that `tests/docs/test_beside_your_own_table.py` types.
"""

import pytest

from bare_emulator import emulator_in
from fanout.local.deployment import local_target
from fanout.packaging.build import build_package
from infra import terraform_emulator as embedded
from infra.terraform_workspace import one_provider, workspace
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.infra, pytest.mark.exhaustive]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    return {
        service: build_package(service, output=folder).path
        for service in ("publisher", "sentinel", "payments_consumer")
    }


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """MiniStack with nothing deployed."""
    with emulator_in(tmp_path_factory.mktemp("emulator"), region=embedded.REGION) as target:
        yield target


@pytest.mark.parametrize(
    "examples",
    [["eventbridge_fanout"], ["pipes_fanout", "sns_fifo_fanout"]],
    ids=" ".join,
)
def test_the_examples_are_deployed_carry_a_change_and_leave_nothing(
    tmp_path_factory, aws, packages, examples
):
    """In one run: to deploy them one by one, or from several workers, takes minutes."""
    targets = {
        example: local_target(aws.endpoint_url, embedded.REGION, example.replace("_", "-"))
        for example in examples
    }
    root = tmp_path_factory.mktemp("terraform")
    settings = {"AWS_ENDPOINT_URL": aws.endpoint_url, "NO_PROXY": "*"}
    with workspace(root, **settings) as copied, one_provider(copied) as terraform:
        deployment = embedded.prepare(terraform, targets, packages)
        deployment.apply()
        for example in embedded.CARRIES & targets.keys():
            carries_a_change(targets[example])
        found = {example: set(embedded.FAULTS[example]) for example in examples}
        assert deployment.second_plan() == found
        deployment.destroy()
    assert embedded.leftovers(targets[examples[0]]) == {}


def carries_a_change(target):
    with embedded.stream_is_read(target):
        for status, payments in (("ACTIVE", "ALLOWED"), ("SUSPENDED", "BLOCKED")):
            embedded.write_status(target, "C-1", status)
            eventually(
                lambda wanted=payments: embedded.row_of(target, "C-1").get("payments") == wanted,
                f"{target.prefix}: the row is {payments}",
            )
