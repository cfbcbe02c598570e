"""What a subscriber brings to the comparison: its business rule, and the adapter of its table."""

import pkgutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from fanout.errors import WrongUse
from sentinel.compare import Rule, SubscriberRows, guarded_table_rows

RowsFactory = Callable[[Any, str, Sequence[str]], SubscriberRows]
"""Makes an adapter of a boto3 DynamoDB client, the table's name and the rule's attributes."""

KNOWN = {"payments": "payments_consumer.standing:attributes"}
"""Where the rule of a subscriber is that is built here."""


def find_rule(subscriber: str, named: str | None) -> Rule | None:
    """The rule that `named` names as MODULE:FUNCTION, or else the one that is known, if any.

    Known are those above, and those that `fanout subscribers new` has written. A rule is a function
    of its event alone. It is asked with what the row and Accounts keep; what it makes of anything
    else can't be checked, and is reported so.

    Raises: WrongUse: there is no such function.
    """
    path = named or KNOWN.get(subscriber)
    if path is None:
        package = f"{subscriber.replace('-', '_')}_consumer"
        if find_spec(package) and find_spec(f"{package}.rule"):
            path = f"{package}.rule:attributes"
    rule: Rule | None = None if path in {None, "none"} else _function("--rule", path)
    return rule


def find_adapter(named: str | None) -> RowsFactory:
    """The factory that is named; else that of the kit's tables. Raises: WrongUse: there is none."""
    factory: RowsFactory = _function("--adapter", named) if named else guarded_table_rows
    return factory


def _function(option: str, path: str) -> Any:
    try:
        function = pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(
            f"{option} {path!r}: expected MODULE:FUNCTION, such as {KNOWN['payments']} ({error})."
        ) from None
    if not callable(function):
        raise WrongUse(f"{option} {path!r} names no function.")
    return function
