"""The published files, and what an independent validator says of a document."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

SCHEMAS = Path(__file__).parents[2] / "schemas"
EVENT_FOLDER = SCHEMAS / "customer_status_changed"
ENVELOPE = "envelope"


def schema_path(name: str) -> Path:
    """`name` is `envelope`, `v1` or `v2`."""
    return (SCHEMAS if name == ENVELOPE else EVENT_FOLDER) / f"{name}.schema.json"


@cache
def read_schema(name: str) -> dict[str, Any]:
    return read_json(schema_path(name))


def schema_names() -> list[str]:
    """The envelope and the versions of `CustomerStatusChanged`."""
    paths = [schema_path(ENVELOPE), *EVENT_FOLDER.glob("*.schema.json")]
    return sorted(path.name.removesuffix(".schema.json") for path in paths)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def read_registry() -> dict[str, Any]:
    return yaml.safe_load((EVENT_FOLDER / "registry.yaml").read_text(encoding="utf-8"))


def example_paths(kind: str = "examples") -> list[Path]:
    """`kind` is `examples` or `rejected`."""
    return sorted((EVENT_FOLDER / kind).rglob("*.json"))


def path_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _ecma_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Any:
    """As ECMA-262 reads it, where `$` is the end and not a line break before the end."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance, re.ASCII):
        yield ValidationError("does not match")


EcmaValidator = extend(Draft202012Validator, {"pattern": _ecma_pattern})
DIALECTS = {"python": Draft202012Validator, "ecma": EcmaValidator}


def validator(schema: dict[str, Any], dialect: str = "python", *, formats: bool = True) -> Any:
    """Formats are checked or left alone: the verdict may not depend on it."""
    checker = Draft202012Validator.FORMAT_CHECKER if formats else None
    return DIALECTS[dialect](schema, format_checker=checker)


@cache
def published_validator(name: str, dialect: str = "python", *, formats: bool = True) -> Any:
    return validator(read_schema(name), dialect, formats=formats)


def failing_fields(document: Any) -> set[str]:
    """What the schemas, and the one rule beyond them (same customer), hold against a document."""
    failing = _fields(published_validator(ENVELOPE).iter_errors(document), "")
    if failing:
        return failing
    major = document["type"].rpartition(".")[2]
    failing = _fields(published_validator(major).iter_errors(document["data"]), "data.")
    customer = document["subject"]
    if document["partitionkey"] != customer:
        failing.add("partitionkey")
    if not failing and document["data"]["customer_id"] != customer:
        failing.add("data.customer_id")
    return failing


def _fields(errors: Any, prefix: str) -> set[str]:
    found = set()
    for error in errors:
        if error.validator == "required":
            found |= {f"{prefix}{name}" for name in error.validator_value} - {
                f"{prefix}{name}" for name in error.instance
            }
        else:
            found.add((prefix + ".".join(map(str, error.absolute_path))).strip("."))
    return found
