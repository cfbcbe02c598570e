"""DynamoDB's condition expressions, as far as a guarded row uses them.

Amazon DynamoDB Developer Guide, "Condition and filter expressions, operators, and functions": NOT
binds tighter than AND, AND tighter than OR; text compares by its UTF-8 bytes; values of different
types are never equal and have no order; an attribute that is absent is unequal to anything.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
Test = Callable[[Item, Item], bool]
"""Of the stored item (empty where there is none) and the values of the expression."""
_Operand = Callable[[Item, Item], Any]
_TOKEN = re.compile(r"\s*(<>|<=|>=|[<>=(),]|[#:]?[A-Za-z_][A-Za-z0-9_]*)")
_RESERVED = frozenset({"AND", "OR", "NOT"})


@lru_cache(maxsize=256)
def compiled(text: str, names: tuple[tuple[str, str], ...]) -> Test:
    """Raises: ValueError where the expression is none that DynamoDB would take."""
    parser = _Parser(_tokens(text), dict(names))
    test = parser.any_of()
    parser.end()
    return test


# Private functions


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError(f"no token at {place} of {text!r}")
        tokens.append(found[1])
        place = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str], names: dict[str, str]) -> None:
        self._tokens = tokens
        self._names = names
        self._place = 0

    def end(self) -> None:
        if self._place != len(self._tokens):
            raise ValueError(f"unexpected {self._tokens[self._place]!r}")

    def any_of(self) -> Test:
        tests = [self._all_of()]
        while self._take("OR"):
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda i, v: any(one(i, v) for one in tests)

    def _all_of(self) -> Test:
        tests = [self._single()]
        while self._take("AND"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda i, v: all(one(i, v) for one in tests)

    def _single(self) -> Test:
        if self._take("NOT"):
            inner = self._single()
            return lambda i, v: not inner(i, v)
        if self._take("("):
            inner = self.any_of()
            self._expect(")")
            return inner
        token = self._next()
        if token in {"attribute_exists", "attribute_not_exists", "begins_with"}:
            return self._function(token)
        return self._comparison(self._operand(token))

    def _function(self, name: str) -> Test:
        self._expect("(")
        first = self._operand(self._next())
        if name == "begins_with":
            self._expect(",")
            second = self._operand(self._next())
            self._expect(")")
            return lambda i, v: _begins(first(i, v), second(i, v))
        self._expect(")")
        wanted = name == "attribute_exists"
        return lambda i, v: (first(i, v) is not None) is wanted

    def _comparison(self, left: _Operand) -> Test:
        operator = self._next()
        right = self._operand(self._next())
        compare = _COMPARE.get(operator)
        if compare is None:
            raise ValueError(f"unexpected {operator!r}")
        return lambda i, v: compare(left(i, v), right(i, v))

    def _operand(self, token: str) -> _Operand:
        if token.startswith(":"):
            return lambda _, values: values[token]
        name = self._names[token] if token.startswith("#") else token
        if name in _RESERVED or not name[0].isalpha():
            raise ValueError(f"unexpected {name!r}")
        return lambda item, _: item.get(name)

    def _take(self, token: str) -> bool:
        if self._place < len(self._tokens) and self._tokens[self._place] == token:
            self._place += 1
            return True
        return False

    def _next(self) -> str:
        if self._place == len(self._tokens):
            raise ValueError("the expression ends early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise ValueError(f"expected {token!r}")


def _begins(value: Any, prefix: Any) -> bool:
    if value is None or "S" not in value:
        return False
    return str(value["S"]).startswith(prefix["S"])


def _ordered(left: Any, right: Any, holds: Callable[[int], bool]) -> bool:
    if left is None or right is None or left.keys() != right.keys():
        return False
    (kind,) = left
    if kind == "S":
        first, second = left["S"].encode(), right["S"].encode()
        return holds((first > second) - (first < second))
    if kind == "N":
        one, other = Decimal(left["N"]), Decimal(right["N"])
        return holds((one > other) - (one < other))
    return False


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a is not None and a == b,
    "<>": lambda a, b: a is None or a != b,
    "<": lambda a, b: _ordered(a, b, lambda sign: sign < 0),
    "<=": lambda a, b: _ordered(a, b, lambda sign: sign <= 0),
    ">": lambda a, b: _ordered(a, b, lambda sign: sign > 0),
    ">=": lambda a, b: _ordered(a, b, lambda sign: sign >= 0),
}
