"""The business rules by which subscribers fill in their own attributes, to compare these too."""

import importlib

from fanout.errors import WrongUse
from fanout.reconcile.comparison import Rule

KNOWN = {"payments": "payments_consumer.standing:attributes"}
"""Where the rule of a subscriber is that is built here."""


def find_rule(subscriber: str, named: str | None) -> Rule | None:
    """The rule that `named` names as MODULE:FUNCTION, or else the one that is known, if any.

    A rule is asked with what the row tells: statuses, order and times, and no reason. One that
    looks at more can't be checked; name `none` for it.

    Raises:
        WrongUse: there is no such function.
    """
    place = named or KNOWN.get(subscriber)
    if place is None or place == "none":
        return None
    module, _, function = place.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(
            f"--rule {place!r}: expected MODULE:FUNCTION, such as {KNOWN['payments']} ({error})."
        ) from None
    if not callable(found):
        raise WrongUse(f"--rule {place!r} names no function.")
    rule: Rule = found
    return rule
