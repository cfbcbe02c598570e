"""The contract as it is, and what the lint finds in a filter."""

from pathlib import Path
from typing import Any

from sentinel.contract.filter_lint import Finding, lint, transport_of
from sentinel.contract.folder import Contract, read_contract

SCHEMAS = Path(__file__).parents[4] / "schemas"
_ALL = read_contract(SCHEMAS)
EVENT = _ALL.event("CustomerStatusChanged")
CONTRACT = Contract(events=(EVENT,), envelope=_ALL.envelope)
"""A bus that carries one event, whichever others there are."""
V1, V2 = "novapay.accounts.CustomerStatusChanged.v1", "novapay.accounts.CustomerStatusChanged.v2"


def findings(document: Any, *, latest_state: bool = False) -> list[Finding]:
    return lint(document, CONTRACT, transport=transport_of(document), latest_state=latest_state)


def rules(document: Any, *, latest_state: bool = False) -> list[str]:
    return [one.rule for one in findings(document, latest_state=latest_state)]
