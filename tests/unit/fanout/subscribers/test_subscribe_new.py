"""What is refused before anything is written, and what is written."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from samtranslator.yaml_helper import yaml_parse
from typer.testing import CliRunner

from fanout.errors import WrongUse
from fanout.subscribers.commands import subscribers_app
from fanout.subscribers.creation import (
    Choices,
    RuleKind,
    infrastructure_files,
    make_plan,
    with_import_rules,
    write,
)
from sentinel.contract.filters import Transport
from sentinel.contract.folder import read_contract

ROOT = Path(__file__).parents[4]
COPIED = (
    "pyproject.toml",
    "schemas",
    "requirements/payments_consumer.txt",
    "src/customer_events/registry.json",
    "docs/catalogue.html",
)


def choices(name="nobody", **other):
    given = {
        "rule": RuleKind.LATEST_STATE,
        "versions": (2,),
        "statuses": (),
        "bus": Transport.SNS,
        "external": False,
    }
    return Choices(name=name, **(given | other))


@pytest.fixture
def project(tmp_path):
    """What the command reads of a clone."""
    root = tmp_path / "clone"
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name)
        else:
            shutil.copyfile(ROOT / name, root / name)
    return root


def files_of(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name", ["", "Fraud", "1st", "nobody_team", "nobody-", "x" * 31, "nobody-dlq", "../up", "é"]
)
def test_a_bad_name_is_refused_with_what_is_expected(name):
    with pytest.raises(WrongUse, match="expected 1 to 30 of a-z, 0-9 and -"):
        choices(name)
    with pytest.raises(WrongUse, match="taken by the system"):
        choices("event")


def test_every_event_of_two_versions_is_refused_since_each_change_would_be_handled_twice():
    with pytest.raises(WrongUse, match="once for each"):
        choices(rule=RuleKind.EVERY_EVENT, versions=(1, 2))


def test_a_subscriber_that_exists_is_refused_and_nothing_is_written(project):
    before = files_of(project)
    with pytest.raises(WrongUse, match="payments already"):
        make_plan(project, choices("payments"))
    write(project, make_plan(project, choices()))
    with pytest.raises(WrongUse, match="nobody already"):
        make_plan(project, choices())
    assert files_of(project).keys() > before.keys()


def test_a_file_in_the_way_is_named_and_nothing_is_written(project):
    in_the_way = project / "infra/sam/subscribers/nobody.yaml"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()
    before = files_of(project)
    with pytest.raises(WrongUse, match=r"nobody\.yaml exists already: nothing was written"):
        make_plan(project, choices())
    assert files_of(project) == before


def test_uncommitted_changes_of_what_it_edits_are_refused(project):
    git = ["git", "-C", project, "-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", "init", "-q", project], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)
    make_plan(project, choices())
    with (project / "pyproject.toml").open("a") as file:
        file.write("\n")
    with pytest.raises(WrongUse, match=r"Uncommitted changes in pyproject\.toml"):
        make_plan(project, choices())


def test_a_filter_outside_the_contract_is_refused(project):
    with pytest.raises(WrongUse, match="'FROZEN' is not a status"):
        make_plan(project, choices(statuses=("FROZEN",)))


def test_import_rules_that_have_moved_are_named():
    with pytest.raises(WrongUse, match="nothing was written"):
        with_import_rules("[project]\n", choices())


def test_the_stack_and_the_registry_say_the_same_filter(project):
    made = choices(statuses=("SUSPENDED",))
    plan = make_plan(project, made)
    write(project, plan)
    text = (project / "infra/sam/subscribers/nobody.yaml").read_text()
    assert text.count(json.dumps(made.filter(plan.event))) == 2, "subscription and parameter"
    shipped = json.loads((project / "src/customer_events/registry.json").read_text())
    [entry] = [
        one for one in shipped["CustomerStatusChanged"]["subscribers"] if one["name"] == "nobody"
    ]
    assert entry["filter_statuses"] == ["SUSPENDED"]


@pytest.mark.parametrize("rule", RuleKind)
def test_only_who_keeps_rows_may_write_them_in_batches(project, rule):
    write(project, make_plan(project, choices(rule=rule)))
    sam = (project / "infra/sam/subscribers/nobody.yaml").read_text()
    terraform = (project / "infra/terraform/subscribers/nobody/main.tf").read_text()
    may_write = rule is RuleKind.LATEST_STATE
    assert ("dynamodb:PartiQLInsert" in sam) == may_write
    assert ("write_in_batches = false" not in terraform) == may_write


def test_sam_builds_the_subscribers_package_with_the_makefiles_of_the_whole_system(project):
    write(project, make_plan(project, choices()))
    folder = project / "infra/sam/subscribers"
    template = yaml_parse((folder / "nobody.yaml").read_text())
    function = template["Resources"]["ConsumerFunction"]
    working_directory = (folder / function["Metadata"]["WorkingDirectory"]).resolve()
    assert working_directory == project / "src" / choices().package
    makefiles = (folder / function["Properties"]["CodeUri"]["Fn::Sub"]).resolve()
    assert makefiles == project / "infra/sam/functions/${Runtime}"


def test_external_writes_no_code_and_hands_out_the_contract(project, tmp_path):
    handout = tmp_path / "handout"
    options = ["--external", "--project", str(project), "--handout", str(handout), "--json"]
    done = CliRunner().invoke(subscribers_app, ["new", "nobody", *options])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["written"] == [
        "infra/sam/subscribers/nobody.yaml",
        "infra/terraform/subscribers/nobody/main.tf",
    ]
    assert not (project / "src/nobody_consumer").exists()
    assert "Lambda" not in (project / "infra/sam/subscribers/nobody.yaml").read_text()
    assert {path.name for path in handout.iterdir()} == {
        "README.md",
        "envelope.schema.json",
        "v2.schema.json",
        "examples",
        "rejected",
    }
    assert (handout / "examples/v2/changed.json").is_file()


def test_it_says_what_it_wrote_and_what_to_do_next(project):
    done = CliRunner().invoke(subscribers_app, ["new", "nobody", "--project", str(project)])
    assert done.exit_code == 0, done.output
    for line in ("src/nobody_consumer/rule.py", "pyproject.toml", "make check && make test"):
        assert line in done.output


YAML_WORDS = ["no", "on", "off", "null", "true", "false", "yes", "y", "n", "e1"]


@pytest.mark.parametrize("name", YAML_WORDS)
def test_a_name_that_yaml_reads_as_something_else_stays_a_name(project, name, libyaml):
    write(project, make_plan(project, choices(name, statuses=("CLOSED",))))
    event = read_contract(project / "schemas").event("CustomerStatusChanged")
    entry = event.registry["subscribers"][-1]
    assert (entry["name"], entry["owner"], entry["statuses"]) == (name, name, ["CLOSED"])
    for bus in Transport:
        files = infrastructure_files(choices(name, bus=bus), event)
        template = yaml_parse(files[f"infra/sam/subscribers/{name}.yaml"])
        function = template["Resources"]["ConsumerFunction"]["Properties"]
        assert function["Environment"]["Variables"]["CONSUMER_NAME"] == name
    document = yaml.safe_load((project / "schemas/asyncapi.yaml").read_text())
    assert f"{name}.receiveCustomerStatusChanged" in document["operations"]


def registry_text(project):
    return (project / "schemas/customer_status_changed/registry.yaml").read_text()


def test_a_registry_that_could_not_be_read_afterwards_is_refused_before_anything_is_written(
    project,
):
    path = project / "schemas/customer_status_changed/registry.yaml"
    path.write_text(registry_text(project) + "notes: []\n")
    before = files_of(project)
    with pytest.raises(WrongUse, match=r"registry\.yaml"):
        make_plan(project, choices())
    assert files_of(project) == before


@pytest.mark.parametrize(("versions", "told"), [((1,), False), ((2,), True), ((1, 2), True)])
def test_only_a_subscriber_that_can_be_seeded_is_told_to_backfill(project, versions, told, libyaml):
    options = [word for one in versions for word in ("--version", str(one))]
    arguments = ["new", "nobody", "--project", str(project), *options]
    done = CliRunner().invoke(subscribers_app, arguments)
    assert done.exit_code == 0, done.output
    assert ("fanout backfill nobody" in done.stdout) is told
    readme = (project / "src/nobody_consumer/README.md").read_text()
    assert ("fanout backfill nobody" in readme) is told
    assert "\n\n\n" not in readme
    contract = (project / "tests/contract/test_nobody_contract.py").read_text()
    assert ("accounts_publishes_now" in contract) is told
