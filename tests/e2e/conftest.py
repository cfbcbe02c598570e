"""The embedded AWS for end-to-end tests: the deployed template, and a bare emulator.

Each is started once for each pytest worker. A test uses customers and names of its own and leaves
no poison in Accounts, so that tests can share a deployment in any order. An `xdist_group` keeps on
one worker what shares one.
"""

import json
from types import SimpleNamespace

import pytest

from bare_emulator import emulator_in
from e2e.changed_package import EARLIER, deployed_package, with_modules
from fanout.local.runtime import running


@pytest.fixture(scope="session")
def deployment(tmp_path_factory):
    """The whole system, as `fanout local up` runs it."""
    with running(tmp_path_factory.mktemp("deployment") / "state") as up:
        yield up


@pytest.fixture(scope="session")
def guarded_deployment(tmp_path_factory):
    """The whole system, whose permissions are checked; each test leaves nothing wrong in it.

    The consumer's package has an earlier release too, for `e2e.outages.earlier_release`. Only the
    sentinel may do anything, as MiniStack 1.5.33 asks for other actions than AWS where it looks.
    """
    state, parameters = tmp_path_factory.mktemp("guarded") / "state", {"DeploySentinel": "true"}
    anything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    with running(state, iam=True, parameters=parameters | {"SentinelHours": "1"}) as up:
        up.client("iam").put_role_policy(
            RoleName=f"fanout-sentinel-{up.region}",
            PolicyName="anything",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": anything}),
        )
        package = with_modules(deployed_package(up), EARLIER)
        name = up.payments_function
        up.client("lambda").update_function_code(FunctionName=name, ZipFile=package)
        # A deployment ends what is being handled there: that is to come back within a test.
        visible = {"VisibilityTimeout": "20"}
        up.client("sqs").set_queue_attributes(QueueUrl=up.queue_url, Attributes=visible)
        yield up


@pytest.fixture(scope="session")
def bare_emulator(tmp_path_factory):
    """MiniStack as we start it, with nothing deployed: an endpoint and clients."""
    with emulator_in(tmp_path_factory.mktemp("emulator")) as target:
        yield SimpleNamespace(target=target, client=target.client)


@pytest.fixture(scope="module")
def strict_emulator(tmp_path_factory):
    """The same, checking permissions."""
    with emulator_in(tmp_path_factory.mktemp("strict"), iam=True) as target:
        yield SimpleNamespace(target=target, client=target.client)
