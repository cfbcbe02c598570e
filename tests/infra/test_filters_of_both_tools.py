"""Terraform renders a subscriber's filter as `fanout` does: for every status, version and bus.

The module's own `filter.tf` is planned by itself, without a provider, once for all choices.
"""

import json
from itertools import chain, combinations, product

import pytest

from customer_events.event import Status
from fanout.subscribers.creation import Choices, RuleKind
from infra.terraform_workspace import Workspace
from sentinel.contract.filters import Match, Transport, branches, kinds_of, matches, render
from unit.fanout.contract.catalogue_samples import CONTRACT, EVENT, findings

pytestmark = [pytest.mark.slow, pytest.mark.infra]

STATUSES = [status.value for status in Status]
SUBSETS = list(chain.from_iterable(combinations(STATUSES, n) for n in range(len(STATUSES) + 1)))
KINDS = {transport: kinds_of(CONTRACT, transport) for transport in Transport}
VARIABLES = """
variable "bus" { type = object({ transport = string }) }
variable "schema_versions" { type = list(number) }
variable "statuses" { type = list(string) }
variable "transitions" { type = list(string) }
variable "keeps_latest_state" { type = bool }
output "filter" { value = var.bus.transport == "sns" ? local.filter_policy : local.event_pattern }
"""
ROOT = """
variable "cases" {
  type = map(object({
    transport       = string, schema_versions = list(number), statuses = optional(list(string)),
    transitions     = optional(list(string)), keeps_latest_state = bool
  }))
}
module "case" {
  source             = "./filter"
  for_each           = var.cases
  bus                = { transport = each.value.transport }
  schema_versions    = each.value.schema_versions
  statuses           = each.value.statuses
  transitions        = each.value.transitions
  keeps_latest_state = each.value.keeps_latest_state
}
output "filters" { value = { for name, case in module.case : name => case.filter } }
"""


def choices():
    """What may be chosen: version 1 knows no removal."""
    for bus, latest, versions, statuses in product(
        Transport, RuleKind, [(1,), (2,), (1, 2)], SUBSETS
    ):
        if latest is RuleKind.EVERY_EVENT and len(versions) > 1:
            continue
        if versions == (1,) and "REMOVED" in statuses:
            continue
        yield Choices(
            name="fraud", rule=latest, versions=versions, statuses=statuses, bus=bus, external=True
        )


def name_of(one):
    return " ".join([one.bus, one.rule, *map(str, one.versions), *one.statuses])


def arguments(one):
    """As the generated stanza gives them to the module."""
    found = {
        "transport": one.bus.value,
        "schema_versions": one.versions,
        "keeps_latest_state": one.latest_state,
    }
    if one.statuses and one.latest_state:
        found["statuses"] = one.statuses
    elif one.statuses:
        found["transitions"] = [f"*>{status}" for status in one.statuses]
    return found


@pytest.fixture(scope="module")
def rendered(terraform):
    """Every filter as Terraform renders it, by name."""
    return planned(terraform)


def planned(terraform: Workspace):
    root = terraform.folder("rendering")
    module = root / "filter"
    module.mkdir(parents=True)
    for file in ("filter.tf", "vocabulary.tf"):
        text = terraform.folder("modules", "subscriber", file).read_text()
        module.joinpath(file).write_text(text)
    module.joinpath("variables.tf").write_text(VARIABLES)
    root.joinpath("main.tf").write_text(ROOT)
    cases = {"cases": {name_of(one): arguments(one) for one in choices()}}
    root.joinpath("cases.auto.tfvars.json").write_text(json.dumps(cases))
    terraform.init(root)
    terraform.run(root, "plan", "-out=filters.plan")
    found = terraform.shown(root, "filters.plan")["planned_values"]["outputs"]["filters"]["value"]
    return {name: json.loads(text) for name, text in found.items()}


def selected(filter_, kinds):
    """The kinds of message that a filter lets through; each either always or never."""
    found = branches(filter_)
    verdicts = {
        (kind.type, f"{kind.previous_status}>{kind.status}"): matches(found, kind.fields)
        for kind in kinds
    }
    assert Match.SOMETIMES not in verdicts.values()
    return {kind for kind, verdict in verdicts.items() if verdict is Match.ALWAYS}


def test_both_tools_select_the_same_messages_whatever_is_chosen(rendered):
    differing = []
    for one in choices():
        ours = render(
            EVENT,
            one.bus,
            versions=one.versions,
            statuses=one.statuses,
            latest_state=one.latest_state,
        )
        kinds = KINDS[one.bus]
        if selected(rendered[name_of(one)], kinds) != selected(ours, kinds):
            differing.append(name_of(one))
    assert differing == []
    assert len(rendered) > 200


def test_a_latest_state_filter_lets_arrivals_from_an_unknown_status_through(rendered):
    for one in choices():
        if one.latest_state and one.statuses:
            got = {kind for _, kind in selected(rendered[name_of(one)], KINDS[one.bus])}
            assert got >= {f"NONE>{status}" for status in STATUSES[:4]}, name_of(one)


def test_what_terraform_renders_passes_the_lint_whatever_is_chosen(rendered):
    for one in choices():
        found = findings(rendered[name_of(one)], latest_state=one.latest_state)
        assert found == [], name_of(one)
