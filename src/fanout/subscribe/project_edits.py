"""The places of the project that have to know a new subscriber: its registry and import rules.

The edits are made on text, so that comments and order stay as their authors left them. Each looks
for the line that it goes by, and refuses where that has gone.
"""

import json
import re
from pathlib import PurePosixPath

from fanout.catalogue.contract_folder import EventContract
from fanout.errors import WrongUse
from fanout.subscribe.choices import Choices

PYPROJECT = PurePosixPath("pyproject.toml")
REGISTRY = PurePosixPath("schemas/customer_status_changed/registry.yaml")
MODEL = "payments_consumer"
"""The consumer beside which a new one stands."""
_ROOT_PACKAGES = re.compile(r"^root_packages = \[(.*)\]$", re.MULTILINE)
_SERVICES = re.compile(r'"publisher((?: \| \w+_consumer)+)"')


def with_import_rules(pyproject: str, choices: Choices) -> str:
    """`pyproject.toml` with the consumer's place in the layers.

    Raises:
        WrongUse: the import rules are not where they were.
    """
    roots = _found(_ROOT_PACKAGES, pyproject, "root_packages of import-linter")
    names = sorted({*re.findall(r'"(\w+)"', roots[1]), choices.package})
    listed = ", ".join(f'"{name}"' for name in names)
    text = pyproject.replace(roots[0], f"root_packages = [{listed}]")
    services = _found(_SERVICES, text, "the layer of the services")
    text = text.replace(services[0], f'"publisher{services[1]} | {choices.package}"')
    return f"""{text.rstrip()}

[[tool.importlinter.contracts]]
name = "Inside the {choices.title} consumer: entry, bootstrap, its own work"
type = "layers"
containers = ["{choices.package}"]
exhaustive = true
layers = ["lambda_entry", "bootstrap", "{choices.module}"]
"""


def with_subscriber(registry: str, choices: Choices, event: EventContract) -> str:
    """`registry.yaml` with the subscriber's entry at its end, where subscribers are listed.

    It relies on the fields that each of its versions requires: the gate looks for every field of
    an entry in every version of it.

    Raises:
        WrongUse: the subscriber is listed already, or there is no such version.
    """
    if re.search(_entry_of(choices.name), registry, re.MULTILINE):
        raise WrongUse(f"{REGISTRY} lists {choices.name} already; choose another name.")
    required = [event.version(major).schema["required"] for major in choices.versions]
    fields = [name for name in required[0] if all(name in others for others in required)]
    entry = {
        "owner": choices.name,
        "versions": list(choices.versions),
        "fields": fields,
        "statuses": list(choices.statuses),
        **({"filter_statuses": list(choices.statuses)} if choices.statuses else {}),
        "latest_state": choices.latest_state,
        "status_map": {},
    }
    # JSON is YAML in which no text is taken for a truth value: a subscriber may be named no.
    lines = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in entry.items())
    return f"{registry.rstrip()}\n  - name: {json.dumps(choices.name)}\n{lines}"


def without_subscriber(registry: str, name: str) -> str:
    """`registry.yaml` less the subscriber's entry."""
    return re.sub(rf"{_entry_of(name)}\n(?:    .*\n)*", "", registry, flags=re.MULTILINE)


def locked_like_the_model(lock: str, choices: Choices) -> str:
    """The lock of the consumer's package: what the model locks, since both import the same."""
    return lock.replace(f"requirements/{MODEL}.in", f"requirements/{choices.package}.in")


# Private functions


def _found(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    match = pattern.search(text)
    if match is None:
        raise WrongUse(f"{PYPROJECT} has no line for {what} any more: nothing was written.")
    return match


def _entry_of(name: str) -> str:
    """Where a subscriber's entry begins, quoted or, as it was written before, not."""
    return rf'^  - name: (?:{re.escape(name)}|"{re.escape(name)}")$'
