"""What a subscriber's rule can have made of an event of which only a part is known. Pure.

A row does not keep all of its last event: not the reason, for one. Such a field answers every
question of the rule both ways, one after the other, so that what is the same each time follows
from what is known, and the rest can't be checked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, cast

from customer_events.event import Change, CustomerStatusChanged

Rule = Callable[[CustomerStatusChanged], Mapping[str, str]]
"""A subscriber's business rule: its own attributes for an event."""

PATHS_MAX: Final = 1_000
_UNKNOWN: Final = object()
_CHOICES: Final[Mapping[str, Sequence[Any]]] = {
    "event_id": [_UNKNOWN],
    "source": [_UNKNOWN],
    "changed_at": [_UNKNOWN],
    "reason": [None, _UNKNOWN],
    "traceparent": [None, _UNKNOWN],
    "repairs": [None, _UNKNOWN],
    "change": list(Change),
}
"""What each field can be where nothing is known of it; a rule may ask whether one is None."""


class _Unknown:
    """A value that is equal to another, and true, in one run of a rule, and not in the next."""

    __hash__ = None  # type: ignore[assignment]  # what it can't answer both ways fails
    __class__ = property(lambda _: str)  # for who asks isinstance

    def __init__(self, answer: Callable[[], bool]) -> None:
        self._answer = answer

    def __eq__(self, other: object) -> bool:
        return self._answer()

    def __bool__(self) -> bool:
        return self._answer()

    def __str__(self) -> str:
        raise TypeError


def outcomes(rule: Rule, known: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """Each thing that the rule may return; None, or a value None, where that can be anything.

    Args:
        rule: a function of its argument alone.
        known: fields of the event; all that a row keeps has to be there.
    """
    names = [name for name in _CHOICES if name not in known]
    left = PATHS_MAX
    for chosen in product(*(_CHOICES[name] for name in names)):
        script: list[bool] | None = []
        while script is not None and left:
            left -= 1
            outcome, script = _run(rule, {**known, **dict(zip(names, chosen, strict=True))}, script)
            yield outcome
    if not left:
        yield None


# Private functions


def _run(
    rule: Rule, fields: Mapping[str, Any], script: list[bool]
) -> tuple[Mapping[str, Any] | None, list[bool] | None]:
    """One run that answers as scripted and then yes; with the next script, None after the last."""
    given: list[bool] = []

    def answer() -> bool:
        given.append(script[len(given)] if len(given) < len(script) else True)
        return given[-1]

    event = {name: _Unknown(answer) if one is _UNKNOWN else one for name, one in fields.items()}
    try:
        made: Mapping[str, Any] = rule(CustomerStatusChanged(**cast("Any", event)))
        outcome: Mapping[str, Any] | None
        outcome = {name: None if type(one) is _Unknown else one for name, one in made.items()}
    except Exception:  # noqa: BLE001 (it asked what has no answer; or it fails on some events)
        outcome = None
    while given and not given[-1]:
        given.pop()
    return outcome, [*given[:-1], False] if given else None
