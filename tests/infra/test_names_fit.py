"""The longest prefix, subscriber and Region give names that AWS takes, whatever is deployed."""

import json
from collections.abc import Iterator

import pytest

from infra import parity_sam, parity_terraform, sam_template
from infra.parity_facts import Facts
from infra.terraform_workspace import Workspace

PREFIX, SUBSCRIBER, REGION = "p" * 20, "n" * 30, "us-isof-south-1"
LIMITS = {
    "alarm": 255,
    "archive": 48,
    "bucket": 63,
    "bus": 256,
    "dashboard": 255,
    "function": 64,
    "key alias": 256,
    "log group": 512,
    "parameter": 1011,
    "pipe": 64,
    "query": 255,
    "queue": 80,
    "role": 64,
    "rule": 64,
    "table": 255,
    "topic": 256,
}
"""Characters that AWS takes, by what is named."""
COMPOSITION = {
    "source": "../../modules/fanout",
    "prefix": PREFIX,
    "transport": "${var.transport}",
    "subscribers": {SUBSCRIBER: {"park_by_customer": '${var.transport == "sns_fifo"}'}},
    "archive_retention_days": 7,
    "create_accounts_table": True,
    "package_folder": "packages",
}
ROOT = {
    "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
    "variable": {"transport": {}},
    "module": {"fanout": COMPOSITION},
}
TABLE = f"arn:aws:dynamodb:{REGION}:111122223333:table/{PREFIX}-accounts"
RUNS = f"""
mock_provider "aws" {{
  source = "./mocks"
}}

override_resource {{
  target = module.fanout.aws_dynamodb_table.accounts
  values = {{ stream_arn = "{TABLE}/stream/2026-11-23T00:00:00.000" }}
}}

run "fifo" {{
  variables {{ transport = "sns_fifo" }}
}}

run "pipe" {{
  variables {{ transport = "pipes" }}
}}
"""


def names(facts: Facts) -> Iterator[tuple[str, str]]:
    """Kind and name of each resource."""
    for fact in facts:
        kind = next((kind for kind in LIMITS if fact.startswith(f"{kind} ")), None)
        if kind is not None:
            yield kind, fact.removeprefix(f"{kind} ").split(": ")[0]


def too_long(facts: Facts) -> list[str]:
    return [f"{kind} {name}" for kind, name in names(facts) if len(name) > LIMITS[kind]]


def test_a_stack_of_sam_has_no_name_that_is_too_long(monkeypatch):
    monkeypatch.setattr(sam_template, "REGION", REGION)
    facts = parity_sam.facts(sam_template.deployed(Prefix=PREFIX))
    assert max(len(name) for kind, name in names(facts) if kind == "bucket") == 58
    assert too_long(facts) == []


@pytest.mark.slow
@pytest.mark.infra
def test_terraforms_composition_has_no_name_that_is_too_long(terraform: Workspace):
    folder = terraform.folder("examples", "longest_names")
    (folder / "packages").mkdir(parents=True)
    (folder / "mocks").mkdir()
    mocks = terraform.folder("mocks", "aws.tfmock.hcl").read_text().replace("eu-west-1", REGION)
    fifo = mocks.replace(":fanout-customer-status", ":fanout-customer-status.fifo")
    folder.joinpath("mocks", "aws.tfmock.hcl").write_text(fifo)
    folder.joinpath("names.tftest.hcl").write_text(RUNS)
    folder.joinpath("main.tf.json").write_text(json.dumps(ROOT))
    for service in ("publisher", f"{SUBSCRIBER}_consumer", "sentinel"):
        folder.joinpath("packages", f"{service}-arm64.zip").write_bytes(b"any file will do")
    terraform.init(folder)
    kinds = set()
    for resources in parity_terraform.applied_by_each_run(terraform, folder):
        facts = parity_terraform.facts([(it["type"], it["values"]) for it in resources])
        kinds |= {kind for kind, _ in names(facts)}
        assert too_long(facts) == []
    assert kinds == LIMITS.keys()
