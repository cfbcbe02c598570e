"""DynamoDB's PartiQL, as far as a guarded row uses it: an INSERT, or an UPDATE with a condition."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from simulation.conditions import compiled

Item = Mapping[str, Mapping[str, Any]]
_INSERT = re.compile(r"INSERT INTO \"[^\"]+\" VALUE \{'customer_id': \?(?P<values>.*)\}")
_UPDATE = re.compile(
    r'UPDATE "[^"]+" (?P<values>.*?) WHERE "customer_id" = \? AND (?P<where>.*?)'
    r"(?P<returns> RETURNING ALL NEW \*)?"
)
_INSERTED = re.compile(r", '([^']+)': \?")
_SET = re.compile(r'SET "([^"]+)" = \?')


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    customer: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    customer: str
    values: dict[str, Any]
    may_change: Callable[[Item], bool]
    returns: bool


def read_statement(text: str, parameters: Sequence[Mapping[str, Any]]) -> Insert | Update:
    """Raises: ValueError where it is neither, or has more or fewer parameters than it takes."""
    if text.count("?") != len(parameters):
        raise ValueError(f"{text.count('?')} parameters, not {len(parameters)}, for {text}")
    if found := _INSERT.fullmatch(text):
        names = _INSERTED.findall(found["values"])
        key, *values = parameters
        return Insert(customer=key["S"], values=dict(zip(names, values, strict=True)))
    if found := _UPDATE.fullmatch(text):
        names = _SET.findall(found["values"])
        values, (key, *operands) = parameters[: len(names)], parameters[len(names) :]
        return Update(
            customer=key["S"],
            values=dict(zip(names, values, strict=True)),
            may_change=_condition(found["where"], operands),
            returns=bool(found["returns"]),
        )
    raise ValueError(f"expected an INSERT or an UPDATE, not {text}")


# Private functions


def _condition(where: str, operands: Sequence[Any]) -> Callable[[Item], bool]:
    """As the condition expression that says the same."""
    numbers = count()
    text = re.sub(r'"(\w+)" IS MISSING', r"attribute_not_exists(\1)", where)
    text = re.sub(r"\?", lambda _: f":p{next(numbers)}", text.replace('"', ""))
    values = {f":p{number}": operand for number, operand in enumerate(operands)}
    test = compiled(text, ())
    return lambda item: test(item, values)
