"""Make a new subscriber: everything is prepared and checked before the first file is written."""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from customer_events.event import EVENT_NAME, NEWEST_MAJOR
from fanout.contract.generated import GENERATED
from fanout.errors import WrongUse
from fanout.text import templates
from sentinel.contract.filters import Filter, Transport, render
from sentinel.contract.folder import ENVELOPE_FILE, EventContract, git, read_contract, read_text

# What is chosen for a new subscriber, and every name that follows from it


_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?")
_RESERVED = frozenset({"event", "accounts", "publisher", "sentinel", "local", "failures"})


class RuleKind(StrEnum):
    """Whether a subscriber keeps each customer's latest status or handles every transition."""

    LATEST_STATE = "latest-state"
    EVERY_EVENT = "every-event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A subscriber that is to be made. `statuses`: empty for all.

    Raises: WrongUse: a name that AWS or Python would refuse, or choices that contradict each other.
    """

    name: str
    rule: RuleKind
    versions: tuple[int, ...]
    statuses: tuple[str, ...]
    bus: Transport
    external: bool

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name.endswith("-dlq"):
            raise WrongUse(
                f"{self.name!r} is not a subscriber's name: expected 1 to 30 of a-z, 0-9 and -, "
                "from a letter to a letter or digit, and not ending in -dlq. Its queue, its table "
                "and its Python package are named by it."
            )
        if self.name in _RESERVED:
            raise WrongUse(f"{self.name!r} is taken by the system itself; choose another name.")
        if self.rule is RuleKind.EVERY_EVENT and len(self.versions) > 1:
            raise WrongUse(
                "every-event takes one --version: a change has an event id in each major version, "
                "so it would be handled once for each."
            )

    @property
    def ident(self) -> str:
        """The name as Python and Terraform can use it."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """The Python package, which is the service's name as well."""
        return f"{self.ident}_consumer"

    @property
    def title(self) -> str:
        """The name as a sentence starts with it."""
        return self.name.replace("-", " ").capitalize()

    @property
    def latest_state(self) -> bool:
        """Whether it keeps each customer's latest status."""
        return self.rule is RuleKind.LATEST_STATE

    @property
    def reads_newest(self) -> bool:
        """Whether it reads the newest version, which is that of the snapshots of a backfill."""
        return NEWEST_MAJOR in self.versions

    @property
    def module(self) -> str:
        """The module that is left to write."""
        return "rule" if self.latest_state else "handling"

    def filter(self, event: EventContract) -> Filter:
        """The subscription's filter in the bus's language.

        Raises: WrongUse: no such version, or a status that none of the versions has.
        """
        return render(
            event,
            self.bus,
            versions=self.versions,
            statuses=self.statuses,
            latest_state=self.latest_state,
        )


# The files of the project that have to know a new subscriber: its registry and import rules

PYPROJECT = "pyproject.toml"
REGISTRY = "schemas/customer_status_changed/registry.yaml"
_SCHEMAS = "schemas"
_MODEL_LOCK = "requirements/payments_consumer.txt"
"""The lock of the consumer beside which a new one stands; both import the same."""
_ROOT_PACKAGES = re.compile(r"^root_packages = \[(.*)\]$", re.MULTILINE)
_SERVICES = re.compile(r'"publisher(?: \| \w+_consumer)+(?=")')


def with_import_rules(pyproject: str, choices: Choices) -> str:
    """`pyproject.toml` with the consumer's place in the layers.

    Raises: WrongUse: the import rules are not where they were.
    """
    roots, services = _ROOT_PACKAGES.search(pyproject), _SERVICES.search(pyproject)
    if roots is None or services is None:
        raise WrongUse(
            f"{PYPROJECT} has no `root_packages` of import-linter, or no layer of the services, "
            "any more: nothing was written."
        )
    names = sorted({*re.findall(r'"(\w+)"', roots[1]), choices.package})
    listed = ", ".join(f'"{name}"' for name in names)
    text = pyproject.replace(roots[0], f"root_packages = [{listed}]")
    text = text.replace(services[0], f"{services[0]} | {choices.package}")
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

    Raises: WrongUse: the subscriber is listed already, or there is no such version.
    """
    if re.search(rf'^  - name: "?{re.escape(choices.name)}"?$', registry, re.MULTILINE):
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


# Fill the templates: the text of each file that a new subscriber gets. Pure


_IMPORTS = re.compile(r"(?:^from \w.* import .*\n)+", re.MULTILINE)
Files = dict[str, str]
"""Text by path below the project's folder."""


def consumer_files(choices: Choices, event: EventContract) -> Files:
    """The consumer's package with its tests, and the dependencies that it locks."""
    package, ident = choices.package, choices.ident
    files = {
        f"src/{package}/__init__.py": "consumer/__init__.py",
        f"src/{package}/bootstrap.py": "consumer/bootstrap.py",
        f"src/{package}/lambda_entry.py": "consumer/lambda_entry.py",
        f"src/{package}/{choices.module}.py": f"consumer/{choices.module}.py",
        f"src/{package}/README.md": "consumer/README.md",
        f"tests/unit/{package}/test_{ident}_{choices.module}.py": "tests/unit.py",
        f"tests/contract/test_{ident}_contract.py": "tests/contract.py",
        f"requirements/{package}.in": "tests/requirements.in",
    }
    return _filled(files, choices, event) | {f"src/{package}/py.typed": ""}


def infrastructure_files(choices: Choices, event: EventContract) -> Files:
    """The subscriber's own SAM stack, and the same as a Terraform configuration of its own."""
    files = {
        f"infra/sam/subscribers/{choices.name}.yaml": "infra/sam.yaml",
        f"infra/terraform/subscribers/{choices.name}/main.tf": "infra/main.tf",
    }
    return _filled(files, choices, event)


def _filled(files: dict[str, str], choices: Choices, event: EventContract) -> Files:
    environment = templates(Path(__file__).parent / "templates", html=False)
    environment.filters["json"] = json.dumps
    names = ("name", "ident", "title", "package", "latest_state", "external", "reads_newest")
    values = {name: getattr(choices, name) for name in (*names, "versions", "statuses")} | {
        "sns": choices.bus is Transport.SNS,
        "arrivals": [f"*>{status}" for status in choices.statuses],
        "filter": choices.filter(event),
        "table_key": "customer_id" if choices.latest_state else "event_id",
    }
    texts = {
        path: environment.get_template(f"{template}.jinja").render(values)
        for path, template in files.items()
    }
    for path, text in texts.items():
        if path.endswith(".py"):  # where the package stands among imports depends on its name
            texts[path] = _IMPORTS.sub(
                lambda block: "".join(sorted(block[0].splitlines(keepends=True))), text
            )
    return texts


# The plan, and writing it


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be written: new files, and files that are there and get a new text."""

    choices: Choices
    event: EventContract
    new: Files
    changed: Files


def make_plan(root: Path, choices: Choices) -> Plan:
    """Prepare a subscriber of the project in `root`; writes nothing.

    Raises:
        WrongUse: the name is taken, a file is in the way or holds changes that are not committed,
            or the filter names what the contract has not.
    """
    event = read_contract(root / _SCHEMAS).event(EVENT_NAME)
    registry = with_subscriber(read_text(root / REGISTRY), choices, event)
    new, changed = infrastructure_files(choices, event), {REGISTRY: registry}
    if not choices.external:
        lock = read_text(root / _MODEL_LOCK)
        path = f"requirements/{choices.package}"
        new |= consumer_files(choices, event)
        new[f"{path}.txt"] = lock.replace(f"{_MODEL_LOCK[:-4]}.in", f"{path}.in")
        changed[PYPROJECT] = with_import_rules(read_text(root / PYPROJECT), choices)
    changed |= _derived(root, registry, choices)
    plan = Plan(choices=choices, event=event, new=new, changed=changed)
    package = f"src/{choices.package}"
    if not choices.external and (root / package).exists():
        raise WrongUse(f"{package} exists already; choose another name.")
    if taken := sorted(path for path in new if (root / path).exists()):
        raise WrongUse(f"{taken[0]} exists already: nothing was written. Choose another name.")
    _require_committed(root, changed)
    return plan


def write(root: Path, plan: Plan) -> None:
    """Write what is planned."""
    for path, text in (plan.new | plan.changed).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def write_handout(root: Path, plan: Plan, folder: Path) -> list[Path]:
    """Copy schemas and examples, with a page about them, for a team without this repository.

    Raises: WrongUse: the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty: name another folder with --handout.")
    source = root / _SCHEMAS / plan.event.folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / _SCHEMAS / ENVELOPE_FILE, folder / ENVELOPE_FILE)
    for major in plan.choices.versions:
        schema = plan.event.version(major).entry["schema"]
        shutil.copyfile(source / schema, folder / schema)
        for kind in ("examples", "rejected"):
            shutil.copytree(source / kind / f"v{major}", folder / kind / f"v{major}")
    page = _filled({"README.md": "tests/handout.md"}, plan.choices, plan.event)
    (folder / "README.md").write_text(page["README.md"], encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _derived(root: Path, registry: str, choices: Choices) -> Files:
    """The files that follow from the registry as it is going to be, which is read back first."""
    with TemporaryDirectory() as name:
        folder = Path(name) / _SCHEMAS
        shutil.copytree(root / _SCHEMAS, folder)
        (Path(name) / REGISTRY).write_text(registry, encoding="utf-8")
        contract = read_contract(folder)
    if contract.event(EVENT_NAME).registry["subscribers"][-1]["name"] != choices.name:
        raise WrongUse(f"{REGISTRY} does not end with its subscribers: nothing was written.")
    return {file.path.as_posix(): file.render(contract) for file in GENERATED.values()}


def _require_committed(root: Path, paths: Iterable[str]) -> None:
    """Refuse to mix with changes that are not committed; without git there is nothing to ask."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return
    if status := git(root, "status", "--porcelain", "--", *paths):
        changed = ", ".join(line[3:] for line in status.decode().splitlines())
        raise WrongUse(
            f"Uncommitted changes in {changed}: nothing was written. Commit them first, so that "
            "you can review and undo what this command writes."
        )
