"""What a subscriber may rely on: typed as a user types it, with examples that run, and small."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import event_consumer
from fanout.packaging.build import first_party, here
from unit.event_consumer.consumer_samples import ENVIRONMENT, REGION

README = Path(event_consumer.__file__).with_name("README.md")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
GOOD = """
from collections.abc import Iterable
from customer_events.event import CustomerStatusChanged
from event_consumer import LambdaHandler, Write, every_event_consumer, latest_state_consumer
from event_consumer.testing import LatestStateKit, history

def rule(event: CustomerStatusChanged) -> dict[str, str]:
    return {"status_seen": event.status.value}

def handle(event: CustomerStatusChanged) -> Iterable[Write]:
    return [{"Put": {"TableName": "letters", "Item": {"id": {"S": event.customer_id}}}}]

def quiet(event: CustomerStatusChanged) -> None: ...

def build() -> tuple[LambdaHandler, LambdaHandler, LambdaHandler]:
    return latest_state_consumer(rule), every_event_consumer(handle), every_event_consumer(quiet)

kit = LatestStateKit(rule)
kit.deliver(*history("ACTIVE"), "{}")
value: str | None = kit.row()["status"]
"""
WRONG = {
    "a rule without an event": "latest_state_consumer(lambda: {})",
    "a number as an attribute": "latest_state_consumer(count)",
    "a handler that answers with text": "every_event_consumer(tell)",
}
PREAMBLE = """
from customer_events.event import CustomerStatusChanged
from event_consumer import every_event_consumer, latest_state_consumer

def count(event: CustomerStatusChanged) -> dict[str, int]:
    return {"count": 1}

def tell(event: CustomerStatusChanged) -> str:
    return event.customer_id

"""


@pytest.mark.slow
def test_a_users_code_is_typed_and_their_mistakes_are_found_before_they_run(tmp_path):
    good, wrong = tmp_path / "good.py", tmp_path / "wrong.py"
    good.write_text(GOOD)
    wrong.write_text(PREAMBLE + "\n".join(WRONG.values()) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", good, wrong],
        cwd=here().root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "(checked 2 source files)" in done.stdout
    assert "good.py" not in done.stdout
    assert done.stdout.count(" error: ") >= len(WRONG)


@pytest.mark.parametrize("code", EXAMPLES)
def test_each_example_of_the_readme_runs(code, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    names: dict = {}
    exec(compile(code, README.name, "exec"), names)
    for name, value in list(names.items()):
        if name.startswith("test_"):
            value()
        if name == "build":
            assert callable(value(ENVIRONMENT))


def test_the_readme_shows_both_builders_and_the_test_kit():
    text = "\n".join(EXAMPLES)
    for name in ("latest_state_consumer", "every_event_consumer", "LatestStateKit"):
        assert name in text


def test_the_public_api_is_two_builders_their_types_and_what_a_rule_may_raise():
    assert event_consumer.__all__ == [
        "DependencyFault",
        "LambdaHandler",
        "Write",
        "every_event_consumer",
        "latest_state_consumer",
    ]


@pytest.mark.parametrize("service", here().services())
def test_the_test_kit_is_in_no_lambda_package(service):
    found = first_party(here(), service)
    assert f"{service}.lambda_entry" in found
    assert not [name for name in found if name.startswith("event_consumer.testing")]


def test_payments_uses_the_public_api_and_the_contract_and_nothing_else():
    folder = here().sources / "payments_consumer"
    text = "\n".join(path.read_text() for path in folder.glob("*.py"))
    assert not re.findall(r"from event_consumer\.\w+ import|import event_consumer\.", text)
