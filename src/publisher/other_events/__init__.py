"""Events beside `CustomerStatusChanged` that the same stream gives: one module each.

A module is found by being here. Its `entries(record, rules, producer)` answers the entries for the
bus, and raises `BadRecord` where the record holds a change that can't become an event.
"""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def find() -> tuple[Callable[..., Any], ...]:
    """The `entries` of every module, by the modules' names."""
    names = sorted(module.name for module in iter_modules(__path__))
    return tuple(import_module(f"{__name__}.{name}").entries for name in names)
