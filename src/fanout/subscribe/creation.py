"""Make a new subscriber: everything is prepared and checked before the first file is written."""

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from fanout.catalogue.contract_folder import ENVELOPE_FILE, EventContract, read_contract
from fanout.catalogue.generated_files import GENERATED
from fanout.errors import WrongUse
from fanout.schema.trees import run_git
from fanout.subscribe import project_edits
from fanout.subscribe.choices import Choices
from fanout.subscribe.project_edits import PYPROJECT, REGISTRY
from fanout.subscribe.rendering import Files, consumer_files, handout, infrastructure_files

EVENT = "CustomerStatusChanged"
_SCHEMAS = PurePosixPath("schemas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be written: new files, and files that are there and get a new text."""

    choices: Choices
    event: EventContract
    new: Files
    changed: Files


def make_plan(root: Path, choices: Choices) -> Plan:
    """Prepare a subscriber; writes nothing.

    Args:
        root: the project's folder.
        choices: what is wanted.

    Raises:
        WrongUse: the name is taken, a file is in the way or holds changes that are not committed,
            or the filter names what the contract has not.
    """
    event = read_contract(root / _SCHEMAS).event(EVENT)
    registry = project_edits.with_subscriber(_text(root, REGISTRY), choices, event)
    new, changed = infrastructure_files(choices, event), {REGISTRY: registry}
    if not choices.external:
        new |= consumer_files(choices, event)
        lock = _text(root, PurePosixPath(f"requirements/{project_edits.MODEL}.txt"))
        new[PurePosixPath(f"requirements/{choices.package}.txt")] = (
            project_edits.locked_like_the_model(lock, choices)
        )
        changed[PYPROJECT] = project_edits.with_import_rules(_text(root, PYPROJECT), choices)
    changed |= _derived(root, registry, choices)
    plan = Plan(choices=choices, event=event, new=new, changed=changed)
    _require_free(root, plan)
    _require_committed(root, list(plan.changed))
    return plan


def carry_out(root: Path, plan: Plan) -> None:
    """Write what is planned."""
    for path, text in (plan.new | plan.changed).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def write_handout(root: Path, plan: Plan, folder: Path) -> list[Path]:
    """Copy schemas and examples, with a page about them, for a team without this repository.

    Raises:
        WrongUse: the folder holds something already.
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
    (folder / "README.md").write_text(handout(plan.choices, plan.event), encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


# Private functions


def _derived(root: Path, registry: str, choices: Choices) -> Files:
    """The files that follow from the registry as it is going to be, which is read back first."""
    with TemporaryDirectory() as name:
        folder = Path(name) / _SCHEMAS
        shutil.copytree(root / _SCHEMAS, folder)
        (Path(name) / REGISTRY).write_text(registry, encoding="utf-8")
        contract = read_contract(folder)
    if contract.event(EVENT).registry["subscribers"][-1]["name"] != choices.name:
        raise WrongUse(f"{REGISTRY} does not end with its subscribers: nothing was written.")
    return {PurePosixPath(one.path.as_posix()): one.render(contract) for one in GENERATED.values()}


def _text(root: Path, path: PurePosixPath) -> str:
    try:
        return (root / path).read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUse(
            f"{root / path} can't be read ({error.strerror}): run this in a clone of the project."
        ) from None


def _require_free(root: Path, plan: Plan) -> None:
    package = PurePosixPath("src", plan.choices.package)
    if not plan.choices.external and (root / package).exists():
        raise WrongUse(f"{package} exists already; choose another name.")
    if taken := sorted(str(path) for path in plan.new if (root / path).exists()):
        raise WrongUse(f"{taken[0]} exists already: nothing was written. Choose another name.")


def _require_committed(root: Path, paths: list[PurePosixPath]) -> None:
    """Refuse to mix with changes that are not committed; without git there is nothing to ask."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return
    done = run_git(root, "status", "--porcelain", "--", *map(str, paths))
    if done.returncode == 0 and done.stdout.strip():
        changed = ", ".join(line[3:] for line in done.stdout.decode().splitlines())
        raise WrongUse(
            f"Uncommitted changes in {changed}: nothing was written. Commit them first, so that "
            "what this command writes can be told apart and taken back."
        )
