"""What a subscriber brings to the comparison: its business rule, and the adapter of its table."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from fanout.errors import WrongUse
from fanout.reconcile.rule_outcomes import Rule
from fanout.reconcile.subscriber_rows import SubscriberRows, guarded_table_rows

RowsFactory = Callable[[Any, str, Sequence[str]], SubscriberRows]
"""Makes an adapter of a boto3 DynamoDB client, the table's name and the rule's attributes."""

KNOWN = {"payments": "payments_consumer.standing:attributes"}
"""Where the rule of a subscriber is that is built here."""


def find_rule(subscriber: str, named: str | None) -> Rule | None:
    """The rule that `named` names as MODULE:FUNCTION, or else the one that is known, if any.

    A rule is a function of its event alone. It is asked with what the row and Accounts tell; what
    it makes of more can't be checked, and is reported so.

    Raises:
        WrongUse: there is no such function.
    """
    place = named or KNOWN.get(subscriber) or _generated(subscriber)
    if place is None or place == "none":
        return None
    rule: Rule = _named("--rule", place)
    return rule


def find_adapter(named: str | None) -> RowsFactory:
    """The factory that `named` names as MODULE:FUNCTION; else the one of the kit's tables.

    Raises:
        WrongUse: there is no such function.
    """
    if named is None:
        return guarded_table_rows
    factory: RowsFactory = _named("--adapter", named)
    return factory


# Private functions


def _generated(subscriber: str) -> str | None:
    """Where `fanout subscribe new` puts the rule of a subscriber that keeps the latest state."""
    package = f"{subscriber.replace('-', '_')}_consumer"
    if importlib.util.find_spec(package) is None:
        return None
    module = f"{package}.rule"
    return f"{module}:attributes" if importlib.util.find_spec(module) is not None else None


def _named(option: str, place: str) -> Any:
    module, _, function = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(
            f"{option} {place!r}: expected MODULE:FUNCTION, such as {KNOWN['payments']} ({error})."
        ) from None
    if not callable(found):
        raise WrongUse(f"{option} {place!r} names no function.")
    return found
