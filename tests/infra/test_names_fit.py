"""The longest prefix, subscriber and Region give names that AWS takes, whatever is deployed."""

from collections.abc import Iterator

import pytest

from infra import parity_sam, parity_terraform, sam_template
from infra.parity_facts import Facts

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
def test_terraforms_composition_has_no_name_that_is_too_long(planned_example):
    kinds = set()
    for example in ("sns_fifo_fanout", "pipes_fanout"):
        for kind, name in names(parity_terraform.facts(planned_example(example))):
            longest = name.replace("fanout", PREFIX).replace("payments", SUBSCRIBER)
            longest = longest.replace(sam_template.REGION, REGION)
            is_shortened = kind == "role" and "consumer" in name  # see function.tftest.hcl
            assert len(longest) <= LIMITS[kind] or is_shortened, name
            kinds.add(kind)
    assert kinds == LIMITS.keys()
