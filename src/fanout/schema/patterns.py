"""Regular expressions that every engine reads alike, as finite automata.

A pattern is read twice, since engines differ in one thing that a portable pattern can't avoid: most
let `$` match the end of the text only (ECMA 262, RE2), some let it match before a trailing line
break as well (Python, PCRE). What is said of a pattern holds under both readings.
"""

import functools
import re
from collections.abc import Iterator
from enum import Enum

from greenery import Fsm, parse

REPEAT_MAX = 256
"""Longest counted repeat; an automaton has a state per repetition, `maxLength` has none."""

_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}
_PUNCTUATION = frozenset("\\.+*?()[]{}|^$/")
_QUANTIFIER = re.compile(r"[*+?]|\{(\d+)(,(\d*))?\}", re.ASCII)
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")
_SURROGATES = range(0xD800, 0xE000)


class NotPortable(ValueError):
    """The pattern uses what engines read differently, or what is not in the subset."""


class Reading(Enum):
    """What `$` matches."""

    END_ONLY = ""
    BEFORE_LINE_BREAK = "(\\x0a)?"


@functools.cache
def automaton(pattern: str, reading: Reading) -> Fsm:
    """All texts in which the pattern is found.

    Raises:
        NotPortable: see `_Reader`.
    """
    return parse(_Reader(pattern).translated(reading)).to_fsm().reduce()


@functools.cache
def anything() -> Fsm:
    """All texts."""
    return parse(".*").to_fsm().reduce()


def check_portable(pattern: str) -> None:
    """Raises: NotPortable, with what to write instead."""
    _Reader(pattern).translated(Reading.END_ONLY)


class _Reader:
    """Reads one pattern and writes it in greenery's syntax, with every literal escaped.

    Literals, escaped punctuation, classes, groups, alternatives and greedy quantifiers are read;
    `^` and `$` at the ends of a whole alternative. Everything else is refused.
    """

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def translated(self, reading: Reading) -> str:
        """The pattern, as a match of the whole text."""
        self._at = 0
        alternatives = [self._alternative(reading)]
        while self._take("|"):
            alternatives.append(self._alternative(reading))
        if self._at < len(self._text):
            raise NotPortable(f"{self._text[self._at]!r} closes or repeats nothing; escape it")
        return "|".join(f"({alternative})" for alternative in alternatives)

    def _alternative(self, reading: Reading) -> str:
        start = "" if self._take("^") else ".*"
        body = self._sequence()
        end = reading.value if self._take("$") else ".*"
        return f"{start}({body}){end}"

    def _sequence(self) -> str:
        return "".join(self._items())

    def _items(self) -> Iterator[str]:
        while self._at < len(self._text) and self._text[self._at] not in "|)$":
            yield self._atom() + self._quantifier()

    def _atom(self) -> str:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == "\\":
            return _literal(self._escape())
        if char == ".":
            raise NotPortable("`.` means other characters in other engines; write a class")
        if char in "^*+?{}]":
            raise NotPortable(f"{char!r} stands where it means nothing, or not to all; escape it")
        return _literal(char)

    def _group(self) -> str:
        if self._take("?") and not self._take(":"):
            raise NotPortable("look-around, names and flags in groups are not portable")
        alternatives = [self._sequence()]
        while self._take("|"):
            alternatives.append(self._sequence())
        if not self._take(")"):
            raise NotPortable("a group is not closed, or holds `$`, which stands at the end alone")
        return f"({'|'.join(alternatives)})"

    def _class(self) -> str:
        ranges = ["[^"] if self._take("^") else ["["]
        while not self._take("]"):
            first = self._class_char()
            if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 :][:1] != "]":
                self._at += 1
                last = self._class_char()
                if last < first:
                    raise NotPortable(f"the range {first!r} to {last!r} is backwards")
                ranges.append(f"{_literal(first)}-{_literal(last)}")
            else:
                ranges.append(_literal(first))
        if len(ranges) == 1:
            raise NotPortable("an empty class")
        return "".join([*ranges, "]"])

    def _class_char(self) -> str:
        char = self._next()
        if char == "[":
            raise NotPortable("`[` in a class; escape it")
        return self._escape(in_class=True) if char == "\\" else char

    def _escape(self, *, in_class: bool = False) -> str:
        if code := _CODE.match(self._text, self._at - 1):
            self._at = code.end()
            number = int(code[1] or code[2], 16)
            if number in _SURROGATES:
                raise NotPortable("half a character; write the character itself")
            return chr(number)
        char = self._next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in _PUNCTUATION or (in_class and char == "-"):
            return char
        raise NotPortable(f"`\\{char}` means other characters in other engines; write a class")

    def _quantifier(self) -> str:
        match = _QUANTIFIER.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        if _QUANTIFIER.match(self._text, self._at):
            raise NotPortable("lazy, possessive and doubled quantifiers are not portable")
        if any(int(count) > REPEAT_MAX for count in (match[1], match[3]) if count):
            raise NotPortable(f"a repeat beyond {REPEAT_MAX}; bound the text with maxLength")
        if match[3] and int(match[3]) < int(match[1]):
            raise NotPortable("a repeat whose bounds are backwards")
        return match[0]

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise NotPortable("the pattern ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, expected: str) -> bool:
        found = self._text.startswith(expected, self._at)
        self._at += len(expected) if found else 0
        return found


def _literal(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    return f"\\x{ord(char):02x}" if ord(char) <= 0xFF else char  # noqa: PLR2004 - two hex digits
