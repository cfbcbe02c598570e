"""Texts: lengths, patterns and formats, what one shape lets through that another does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from greenery import Fsm

from fanout.schema.judge import FORMATS
from fanout.schema.patterns import Reading, anything, automaton
from fanout.schema.words import shortest_word

_PLAIN = ("", "x", "text", "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A rule of the reader that a writer's text may fail.

    Attributes:
        keyword: The rule.
        candidates: Texts that show it, as far as they are known; a judge has to confirm each.
    """

    keyword: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextShape:
    """Texts, by what they have to have.

    Attributes:
        length_min: In code points.
        length_max: In code points; None where there is no bound.
        patterns: A text holds a match of each.
        forbidden: A text holds a match of none of these patterns.
    """

    length_min: int = 0
    length_max: int | None = None
    patterns: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset()

    @property
    def inhabited(self) -> bool:
        """False only if no text can have such a length."""
        return self.length_max is None or self.length_min <= self.length_max

    def language(self, reading: Reading) -> Fsm:
        """The texts that the patterns let through; lengths and formats are not in it."""
        language = anything()
        for index, pattern in enumerate(sorted(self.patterns)):
            found = automaton(pattern, reading)
            language = found if index == 0 else language & found
        for pattern in sorted(self.forbidden):
            language = language - automaton(pattern, reading)
        return language

    def leaks(self, other: "TextShape") -> list[Leak]:
        """What of `other` a text of this shape may fail; empty proves that none does."""
        found = [
            self._leak("minLength", length_max=other.length_min - 1),
            None
            if other.length_max is None
            else self._leak("maxLength", length_min=other.length_max + 1),
            *(self._leak("pattern", avoid=one) for one in sorted(other.patterns - self.patterns)),
            *(self._leak("not", match=one) for one in sorted(other.forbidden - self.forbidden)),
            *(self._format_leak() for _ in other.formats - self.formats),
        ]
        return [leak for leak in found if leak is not None]

    def examples(self) -> Iterator[str]:
        """Some texts of this shape, and some that only look like it."""
        for name in sorted(self.formats):
            yield from FORMATS[name]
        for plain in _PLAIN:
            yield plain.ljust(self.length_min, "x")
        for reading in Reading:
            word = shortest_word(self.language(reading), self.length_min, self.length_max)
            if word is not None:
                yield word

    def _format_leak(self) -> Leak:
        """No format is proved from other rules: where no example shows a leak, none is decided."""
        return Leak(keyword="format", candidates=tuple(self.examples()))

    def _leak(
        self,
        keyword: str,
        *,
        length_min: int = 0,
        length_max: int | None = None,
        avoid: str | None = None,
        match: str | None = None,
    ) -> Leak | None:
        """The texts of this shape with such a length that avoid, or match, a pattern."""
        low = max(self.length_min, length_min)
        bounds = [bound for bound in (self.length_max, length_max) if bound is not None]
        high = min(bounds) if bounds else None
        if high is not None and low > high:
            return None
        words = []
        for reading in Reading:
            language = self.language(reading)
            if avoid is not None:
                language = language - automaton(avoid, reading)
            if match is not None:
                language = language & automaton(match, reading)
            words.append(shortest_word(language, low, high))
        shown = tuple(word for word in words if word is not None)
        if not shown:
            return None
        return Leak(keyword=keyword, candidates=(*self._by_format(low, high), *shown))

    def _by_format(self, low: int, high: int | None) -> Iterator[str]:
        """A word of the patterns need not have the format, so what has it comes first."""
        for name in sorted(self.formats):
            for text in FORMATS[name]:
                if low <= len(text) and (high is None or len(text) <= high):
                    yield text


def text_shape(schema: Mapping[str, Any]) -> TextShape:
    """The texts that the schema's rules for texts accept."""
    forbidden = schema.get("not")
    return TextShape(
        length_min=schema.get("minLength", 0),
        length_max=schema.get("maxLength"),
        patterns=frozenset({schema["pattern"]} if "pattern" in schema else ()),
        forbidden=frozenset({forbidden["pattern"]} if forbidden else ()),
        formats=frozenset({schema["format"]} if "format" in schema else ()),
    )
