"""DynamoDB's condition expressions, as far as a guarded row uses them.

Amazon DynamoDB Developer Guide, "Condition and filter expressions, operators, and functions": NOT
binds tighter than AND, AND tighter than OR (as in Python, which parses them here); text compares by
its UTF-8 bytes; values of different types are never equal and have no order; an attribute that is
absent is unequal to anything.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
Test = Callable[[Item, Item], bool]
"""Of the stored item (empty where there is none) and the values of the expression."""
_IN_PYTHON = {"=": "==", "<>": "!=", "AND": "and", "OR": "or", "NOT": "not", "#": "N_", ":": "V_"}
_TOKEN = re.compile(r"<>|(?<![<>])=|\b(?:AND|OR|NOT)\b|[#:]")


@lru_cache(maxsize=256)
def compiled(text: str, names: tuple[tuple[str, str], ...]) -> Test:
    """Raises: ValueError where the expression is none that DynamoDB would take."""
    source = _TOKEN.sub(lambda found: _IN_PYTHON[found[0]], " ".join(text.split()))
    try:
        tree = ast.parse(source, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no condition") from error
    return _test(tree.body, dict(names))


# Private functions


def _test(node: ast.expr, names: Mapping[str, str]) -> Test:
    match node:
        case ast.BoolOp(op=word, values=parts):
            tests = [_test(one, names) for one in parts]
            combined = all if isinstance(word, ast.And) else any
            return lambda item, values: combined(one(item, values) for one in tests)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            test = _test(part, names)
            return lambda item, values: not test(item, values)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _applied(_COMPARISONS[type(sign)], [left, right], names)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _applied(_FUNCTIONS[name], arguments, names)
    raise ValueError(f"unexpected {ast.unparse(node)}")


def _applied(
    function: Callable[..., bool], nodes: list[ast.expr], names: Mapping[str, str]
) -> Test:
    operands = [_operand(one, names) for one in nodes]
    return lambda item, values: function(*(one(item, values) for one in operands))


def _operand(node: ast.expr, names: Mapping[str, str]) -> Callable[[Item, Item], Any]:
    match node:
        case ast.Name(id=name) if name.startswith("V_"):
            return lambda _, values: values[":" + name[2:]]
        case ast.Name(id=name):
            attribute = names["#" + name[2:]] if name.startswith("N_") else name
            return lambda item, _: item.get(attribute)
    raise ValueError(f"unexpected {ast.unparse(node)}")


def _begins(value: Any, prefix: Any) -> bool:
    return value is not None and "S" in value and str(value["S"]).startswith(prefix["S"])


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        if left is None or right is None or left.keys() != right.keys():
            return False
        comparable = {"S": str.encode, "N": Decimal}
        (kind,) = left
        read = comparable.get(kind)
        return read is not None and holds(read(left[kind]), read(right[kind]))

    return compare


_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda left, right: left is not None and left == right,
    ast.NotEq: lambda left, right: left is None or left != right,
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
}
_FUNCTIONS: Mapping[str, Callable[..., bool]] = {
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "begins_with": _begins,
}
