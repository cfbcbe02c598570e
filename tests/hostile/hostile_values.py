"""What nobody should send: JSON of any shape, text in any script, numbers as DynamoDB writes."""

# ruff: noqa: RUF001 - letters that look like others are the point
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

SCRIPTS = {
    "Latin with marks": "Zoë Müller-Ångström Łukasz",
    "Greek": "Αλέξανδρος",
    "Cyrillic": "Дмитрий Ёлкин",
    "Hebrew": "שרה כהן",
    "Arabic": "محمد عبد الله",
    "Devanagari": "श्रीमती अनीता",
    "Thai": "สมชาย",
    "Han": "李小龍",
    "Kana": "さくら サクラ",
    "Hangul": "김민준",
    "Georgian": "ნინო",
    "Amharic": "አበበ",
    "emoji with joiners": "👩‍👩‍👧‍👦🏳️‍🌈",
    "beyond the first plane": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈",
    "both directions": "abc\u202eגדה\u202c",
    "combining marks": "Z\u0351\u036b\u0343a\u0360l\u0321g\u0335o",
    "not composed": "e\u0301",
    "no width": "a\u200bb\ufeffc",
    "control characters": "a\x00b\x1b[31mc\r\nd\te",
    "noncharacters": "a\ufffe\uffff\U0010ffff",
    "quotes and braces": "'\"`{}[]<>&;$(rm)%s%n\\u0000",
    "line separators": "a\u2028b\u2029c\x85d",
}
"""One text in each; all of it is Unicode that UTF-8 can carry."""

SURROGATES = ("\ud800", "a\udfffb", "\udc00\ud800")
"""Halves of pairs: JSON can spell them, UTF-8 can't."""

DYNAMODB_NUMBERS = (
    "0",
    "-0",
    "1",
    "-1",
    "7.0",
    "1E+2",
    "1e2",
    "1.5E+3",
    "99999999999999999999999999999999999999",
    "9.9999999999999999999999999999999999999E+125",
    "1E-130",
    "-9.9999999999999999999999999999999999999E+125",
    "0.1",
    "00012",
    " 12",
    "١٢",
    "Infinity",
    "NaN",
    "",
)
"""How an `N` comes, and how it does not."""

_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    -0.0,
    float("inf"),
    float("nan"),
    "",
    "x" * 5_000,
    "\x00",
    *SURROGATES,
    [],
    {},
    [[]],
    {"S": None},
    {"S": 5},
    {"S": ""},
    {"S": "ACTIVE", "N": "1"},
    {"N": "1e5"},
    {"NULL": True},
    {"M": {}},
    {"L": [{"S": "ACTIVE"}]},
    {"": ""},
)


def odd_value(chance: random.Random) -> Any:
    """A value that hardly anyone expects."""
    return deepcopy(chance.choice((*_ODD, *SCRIPTS.values())))


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from paths(one, (*path, key))


def spoiled(chance: random.Random, value: Any, *, most: int = 3) -> Any:
    """A copy in which a few values are replaced, removed, renamed, or moved elsewhere."""
    made = deepcopy(value)
    for _ in range(chance.randint(1, most)):
        ways = list(paths(made))
        if not ways:
            return made
        *way, last = chance.choice(ways)
        holder = made
        for key in way:
            holder = holder[key]
        match chance.randrange(4):
            case 0 if isinstance(holder, dict):
                del holder[last]
            case 1 if isinstance(holder, dict):
                holder[f"{last}_"] = holder.pop(last)
            case 2:
                *other, end = chance.choice(ways)
                found = made
                for key in (*other, end):
                    found = found[key] if _has(found, key) else odd_value(chance)
                holder[last] = deepcopy(found)
            case _:
                holder[last] = odd_value(chance)
    return made


def deep(opening: str, closing: str, levels: int = 100_000) -> str:
    """A text that nests far below any parser's floor."""
    return opening * levels + closing * levels


# Private functions


def _has(value: Any, key: Any) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)
