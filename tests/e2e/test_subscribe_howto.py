"""From nothing to a third subscriber: the how-to, word for word, in a fresh clone."""

import ast
import json
import re
import subprocess

import pytest

from contract.contract_files import read_registry
from docs.doc_blocks import ROOT, blocks
from project_copy import copy_project, run

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/howto/subscribe-a-service.md"
NEWCOMERS = {"fraud", "credit-risk", "letters", "risk"}
HAND_WRITTEN_MAX = 40
_WRITTEN_BY_HAND = re.compile(r"cat > (\S+) <<'EOF'\n(.*?)^EOF$", re.DOTALL | re.MULTILINE)
LOOK = """
python - <<'END' > rows.json
import boto3, json
def scan(table):
    return boto3.resource("dynamodb").Table(table).scan(ConsistentRead=True)["Items"]
print(json.dumps({
    "accounts": {one["customer_id"]: one["status"] for one in scan("fanout-accounts")},
    "fraud": {one["customer_id"]: [one["status"], one["watch"]] for one in scan("fanout-fraud")},
}))
END
"""


@pytest.fixture
def clone(tmp_path):
    """This project as it stands, committed in a repository of its own."""
    if taken := {one["name"] for one in read_registry()["subscribers"]} & NEWCOMERS:
        pytest.skip(f"{taken} subscribed here for good: the exercise has been done")
    folder = copy_project(tmp_path / "clone")
    yield folder
    run(folder, "fanout local down", check=False)


def changed_files(clone):
    done = subprocess.run(
        ["git", "-C", clone, "status", "--porcelain", "-uall"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {line[3:] for line in done.stdout.splitlines()}
    return {name for name in found if not name.startswith(("programs/", "rows.json", "build/"))}


def exercise():
    """The page's commands but the last part, which is about other cases and about leaving."""
    shown = blocks(PAGE)
    end = next(n for n, one in enumerate(shown) if "subscribers remove" in one)
    return shown[:end]


def test_what_is_written_by_hand_is_short_and_in_the_subscribers_own_folders():
    written = _WRITTEN_BY_HAND.findall("\n".join(exercise()))
    assert {path.split("/")[-2] for path, _ in written} == {"fraud_consumer"}
    lines = sum(len(text.splitlines()) for _, text in written)
    assert lines < HAND_WRITTEN_MAX
    for _, text in written:
        ast.parse(text)


def test_the_how_to_ends_with_a_third_subscriber_whose_table_equals_accounts(clone):
    done = run(clone, "\n".join(exercise()) + LOOK)
    assert "0 drifted" in done.stdout
    found = json.loads((clone / "rows.json").read_text())
    watched = {"SUSPENDED", "CLOSED"}
    assert set(found["accounts"]) == {"before-1", "before-2", "before-3", "during-1"}
    for customer, status in found["accounts"].items():
        row = found["fraud"].get(customer)
        if status in watched or customer == "before-1":
            assert row == [status, "YES" if status in watched else "NO"], "seeded, left, live"
        else:
            assert row is None, "never in a status that fraud follows"
    allowed = ("infra/sam/subscribers/fraud.yaml", "infra/terraform/subscribers/fraud/")
    shared = {
        "docs/catalogue.html",
        "pyproject.toml",
        "schemas/asyncapi.yaml",
        "schemas/customer_status_changed/registry.yaml",
        "src/customer_events/registry.json",
    }
    others = {
        name
        for name in changed_files(clone)
        if "fraud" not in name and not name.startswith((*allowed, ".fanout/"))
    }
    assert others == shared, "what is generated, and nobody else's code"
    leaving = run(
        clone, 'eval "$(fanout local env)"; fanout subscribers remove fraud --execute --json'
    )
    assert json.loads(leaving.stdout)["deliveries"] == []


def test_what_is_generated_passes_the_linters_as_it_stands(clone):
    names = ("letters", "--rule", "every-event", "--status", "CLOSED", "--version", "1")
    commit = "git add -A && git -c user.name=t -c user.email=t@example.com commit -qm {}\n"
    run(
        clone,
        "fanout subscribers new credit-risk --version 1 --version 2\n"
        + commit.format("one")
        + f"fanout subscribers new {' '.join(names)}\n"
        + commit.format("two")
        + "fanout subscribers new risk --external --version 1 --version 2 --bus eventbridge\n",
    )
    packages = "src/credit_risk_consumer src/letters_consumer"
    tests = "tests/unit/credit_risk_consumer tests/unit/letters_consumer"
    contract = "tests/contract/test_credit_risk_contract.py tests/contract/test_letters_contract.py"
    run(
        clone,
        f"python -m ruff check {packages} {tests} {contract}\n"
        f"python -m ruff format --check {packages} {tests} {contract}\n"
        f"python -m mypy --cache-dir '{ROOT}/.mypy_cache' {packages}\n"
        f"lint-imports --no-cache\n"
        f"cfn-lint infra/sam/subscribers/*.yaml\n"
        f"pytest -q -p no:cacheprovider {tests} {contract} tests/architecture -m 'not slow' "
        "-k 'letters or credit_risk or contracts or every_folder'\n"
        "fanout schema check\n",
    )
    assert (clone / "dist/contract-risk/examples/v2/changed.json").is_file()
    assert not (clone / "src/risk_consumer").exists()
