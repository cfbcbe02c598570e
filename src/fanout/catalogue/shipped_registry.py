"""The registry as it ships inside the contract package: JSON, with each event under its name."""

import json
from typing import Any

from fanout.catalogue.contract_folder import Contract

_SHIPPED = ("type", "versions", "subscribers")


def render(contract: Contract) -> str:
    """What `customer_events.registry` reads: no YAML, dates as text."""
    document: dict[str, Any] = {
        event.name: {key: event.registry[key] for key in _SHIPPED} for event in contract.events
    }
    return json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"
