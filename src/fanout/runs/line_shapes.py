"""What each kind of a journal's lines must hold; a file that was changed by hand is refused. Pure.

Only what readers rely on is asked for: fields that a later version adds pass.
"""

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]


def fault_of(kind: str, fields: Mapping[str, Any]) -> str:
    """Which field is not as a line of this kind has it; "" where all are well."""
    for name, (check, expected) in _SHAPES.get(kind, {}).items():
        if not check(fields.get(name)):
            return f"{kind} line, {name}: expected {expected}"
    return ""


# Private functions


def _is_text(value: Any) -> bool:
    """Text that a database takes: half a surrogate pair is none."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _all(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _with(**needed: Check) -> Check:
    return lambda value: (
        isinstance(value, dict) and all(check(value.get(name)) for name, check in needed.items())
    )


_OPERATOR = (
    _with(user=_is_text, host=_is_text, identity=lambda value: value is None or _is_text(value)),
    "who it was",
)
_SHAPES: Mapping[str, Mapping[str, tuple[Check, str]]] = {
    "run": {"command": (_is_text, "a text"), "operator": _OPERATOR},
    "selected": {
        "items": (
            _all(_with(id=_is_text, alias=lambda value: value is None or _is_text(value))),
            "objects with an id",
        )
    },
    "frozen": {
        "cut_off": (_is_text, "an instant"),
        "count": (_is_count, "a number"),
        "left_out": (_all(_is_text), "sentences"),
    },
    "started": {"operator": _OPERATOR},
    "intent": {"step": (_is_text, "a text"), "ids": (_all(_is_text), "ids")},
    "done": {
        "step": (_is_text, "a text"),
        "results": (
            _all(_with(id=_is_text, ok=lambda value: isinstance(value, bool))),
            "objects with an id and ok",
        ),
    },
    "ended": {"items": (_all(_with(id=_is_text, end=_is_text)), "objects with an id and an end")},
    "note": {"text": (_is_text, "a text")},
    "paused": {"why": (_is_text, "a text")},
}
