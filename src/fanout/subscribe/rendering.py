"""Fill the templates: the text of each file that a new subscriber gets. Pure."""

import json
import re
from pathlib import Path, PurePosixPath
from typing import Any

from fanout.catalogue.contract_folder import EventContract
from fanout.subscribe.choices import Bus, Choices

_IMPORTS = re.compile(r"(?:^from \w.* import .*\n)+", re.MULTILINE)
Files = dict[PurePosixPath, str]
"""Text by path below the project's folder."""


def consumer_files(choices: Choices, event: EventContract) -> Files:
    """The consumer's package with its tests, and the dependencies that it locks."""
    package, ident = choices.package, choices.ident
    templates = {
        f"src/{package}/__init__.py": "consumer/__init__.py",
        f"src/{package}/bootstrap.py": "consumer/bootstrap.py",
        f"src/{package}/lambda_entry.py": "consumer/lambda_entry.py",
        f"src/{package}/{choices.module}.py": f"consumer/{choices.module}.py",
        f"src/{package}/README.md": "consumer/README.md",
        f"tests/unit/{package}/test_{ident}_{choices.module}.py": "tests/unit.py",
        f"tests/contract/test_{ident}_contract.py": "tests/contract.py",
        f"requirements/{package}.in": "tests/requirements.in",
    }
    return _filled(templates, choices, event) | {PurePosixPath(f"src/{package}/py.typed"): ""}


def infrastructure_files(choices: Choices, event: EventContract) -> Files:
    """The subscriber's own SAM stack, and the same as a Terraform configuration of its own."""
    templates = {
        f"infra/sam/subscribers/{choices.name}.yaml": "infra/sam.yaml",
        f"infra/terraform/subscribers/{choices.name}/main.tf": "infra/main.tf",
    }
    return _filled(templates, choices, event)


def handout(choices: Choices, event: EventContract) -> str:
    """What another team is told of the contract, in Markdown."""
    [text] = _filled({"README.md": "tests/handout.md"}, choices, event).values()
    return text


# Private functions


def _filled(templates: dict[str, str], choices: Choices, event: EventContract) -> Files:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # noqa: S701 (Python, YAML and HCL: nothing here is HTML)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["json"] = json.dumps
    values = _values(choices, event)
    texts = {
        PurePosixPath(path): environment.get_template(f"{template}.jinja").render(values)
        for path, template in templates.items()
    }
    return {
        path: _with_sorted_imports(text) if path.suffix == ".py" else text
        for path, text in texts.items()
    }


def _with_sorted_imports(text: str) -> str:
    """Where the new package stands among the others depends on its name."""
    return _IMPORTS.sub(lambda block: "".join(sorted(block[0].splitlines(keepends=True))), text)


def _values(choices: Choices, event: EventContract) -> dict[str, Any]:
    return {
        "name": choices.name,
        "ident": choices.ident,
        "title": choices.title,
        "package": choices.package,
        "latest_state": choices.latest_state,
        "external": choices.external,
        "reads_newest": choices.reads_newest,
        "sns": choices.bus is Bus.SNS,
        "versions": choices.versions,
        "statuses": choices.statuses,
        "arrivals": [f"*>{status}" for status in choices.statuses],
        "filter": choices.filter(event),
        "table_key": "customer_id" if choices.latest_state else "event_id",
    }
