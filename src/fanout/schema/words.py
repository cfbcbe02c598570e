"""The shortest words of an automaton, within bounds of their length."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from greenery import Charclass, Fsm

_PREFERRED = "aA0 -_.:/@xZ9!\n"
_SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """How a state is reached: from which one, by which character."""

    before: Any
    char: str


def shortest_word(fsm: Fsm, length_min: int, length_max: int | None) -> str | None:
    """A shortest word with a length, in code points, within the bounds; None where there is none.

    A word that is longer than `length_min` by the number of states or more runs through a loop
    behind its first `length_min` characters. Without the loop it is shorter and still long enough,
    so the search may stop there, and finding nothing is a proof.
    """
    longest = length_min + len(fsm.states)
    longest = longest if length_max is None else min(longest, length_max)
    edges = _edges(fsm)
    layers: list[dict[Any, _Step | None]] = [{fsm.initial: None}]
    while True:
        length = len(layers) - 1
        if length >= length_min and (ends := layers[-1].keys() & fsm.finals):
            return _spelled(layers, min(ends, key=repr))
        following: dict[Any, _Step | None] = {}
        for state in layers[-1]:
            for target, char in edges[state].items():
                following.setdefault(target, _Step(before=state, char=char))
        if length >= longest or not following:
            return None
        layers.append(following)


def _spelled(layers: list[dict[Any, _Step | None]], state: Any) -> str:
    chars: list[str] = []
    for layer in reversed(layers):
        step = layer[state]
        if step is not None:
            chars.append(step.char)
            state = step.before
    return "".join(reversed(chars))


def _edges(fsm: Fsm) -> Mapping[Any, Mapping[Any, str]]:
    """For each state from which a word can end: those that follow, and a character that leads."""
    live = {state for state in fsm.states if fsm.islive(state)}
    edges: dict[Any, dict[Any, str]] = {state: {} for state in fsm.states}
    for state in live:
        for chars, target in fsm.map[state].items():
            char = _char_of(chars)
            if target in live and char is not None:
                edges[state].setdefault(target, char)
    return edges


@functools.cache
def _char_of(chars: Charclass) -> str | None:
    """A character of the class that reads well in a document; None where the class is empty."""
    if preferred := next((char for char in _PREFERRED if chars.accepts(char)), None):
        return preferred
    return next((chr(code) for code in _codes(chars) if code not in _SURROGATES), None)


def _codes(chars: Charclass) -> list[int]:
    if not chars.negated:
        return [code for first, last in chars.ord_ranges for code in (first, last)]
    taken: Callable[[int], bool] = lambda code: chars.accepts(chr(code))  # noqa: E731
    edges = [last + 1 for _, last in chars.ord_ranges] + [0, 0xE000]
    return [code for code in edges if code < 0x110000 and taken(code)]  # noqa: PLR2004
