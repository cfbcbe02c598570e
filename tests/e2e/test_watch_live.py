"""Events as they pass, and one customer's changes, on the embedded AWS, which checks permissions.

`fanout status` and `fanout doctor` are typed in `test_runbooks_walked.py`.
"""

import signal
import sys

import pytest

from e2e.fanout_command import Fanout
from e2e.outages import earlier_release, put, without
from e2e.started_process import started
from waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("guarded")]


@pytest.fixture(scope="module")
def deployment(guarded_deployment):
    return guarded_deployment


@pytest.fixture
def fanout(deployment, tmp_path):
    return Fanout(deployment=deployment, state=tmp_path)


def test_events_are_watched_as_they_pass_and_nothing_stays_behind(deployment, fanout, tmp_path):
    sns, output = deployment.client("sns"), tmp_path / "output"
    command = [sys.executable, "-c", "from fanout.cli import main; main()", "tail", "--reveal"]
    with (
        output.open("w") as file,
        started(command, env=fanout.environment(), stdout=file) as watching,
    ):
        eventually(lambda: len(sns.list_subscriptions()["Subscriptions"]) > 1, "it listens")
        put(deployment, "watched")
        eventually(lambda: "watched NONE>ACTIVE v2" in output.read_text(), "the event is shown")
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
    assert '"status": "ACTIVE"' in output.read_text()
    assert len(sns.list_subscriptions()["Subscriptions"]) == 1
    left = deployment.client("sqs").list_queues(QueueNamePrefix="fanout-tail-")
    assert not left.get("QueueUrls")


def test_one_customer_is_followed_through_everything_that_can_become_of_a_change(
    deployment, fanout
):
    def places(count):
        """Of each change by its transition: where it is, and why."""
        shown = fanout("where", "followed")
        assert len(shown["changes"]) <= count
        return {
            change["transition"]: (place["state"], place["detail"], place["at"])
            for change in shown["changes"]
            for place in change["places"]
        }

    def becomes(count, transition, state, words=""):
        def found():
            at = places(count).get(transition, ("", "", ""))
            return at if at[0] == state and words in at[1] else None

        return eventually(found, f"{transition} is {state}")

    put(deployment, "followed")
    assert becomes(1, "NONE>ACTIVE", "applied")[2]
    put(deployment, "followed", "SUSPENDED")
    becomes(2, "ACTIVE>SUSPENDED", "applied")
    becomes(2, "NONE>ACTIVE", "superseded")
    put(deployment, "followed", "FROZEN")
    becomes(3, "?", "parked", "UnknownStatus")

    role = f"fanout-payments-consumer-{deployment.region}"
    with without(deployment, role, "keep-payments-standing", "dynamodb:UpdateItem"):
        put(deployment, "followed", "PENDING")
        becomes(4, "NONE>PENDING", "retried", "AccessDenied")
    becomes(4, "NONE>PENDING", "applied")
    with earlier_release(deployment):
        put(deployment, "followed", "CLOSED")
        becomes(5, "PENDING>CLOSED", "dead", "UnknownStatus")
    fanout("dlq", "replay", "payments", "--through", "consumer", "--execute")
    becomes(5, "PENDING>CLOSED", "applied")
    fanout("failures", "discard", "--because", "the item was corrected", "--execute")
