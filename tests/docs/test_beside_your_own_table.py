"""The page about a table of one's own, word for word on one embedded AWS, with both tools.

Once both have deployed, what needs no tool is typed for the prefix of each. `sam` is a stand-in:
it writes down what it was given last. `fanout local deploy` gets the same settings, for the same
template.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from docs.doc_blocks import ROOT
from infra.sam_template import read as read_template
from infra.terraform_workspace import workspace

pytestmark = [pytest.mark.slow, pytest.mark.infra]

PAGE = ROOT / "docs/howto/beside-your-own-table.md"
PREFIXES = {"SAM": "prod", "Terraform": "prod-tf"}
FIRST_FOR_BOTH = "4. Watch a change arrive"
LAST = "7. Leave the embedded AWS"
_SECTION = re.compile(r"^##+ (.*?)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MARK = "=== "
PROGRAMS = {
    "fanout": f'exec "{sys.executable}" -c "from fanout.cli import main; main()" "$@"',
    "python": f'exec "{sys.executable}" "$@"',
    "sam": 'printf "%s\\n" "$@" >"$TYPED.sam"',
    # One provider for all commands: each would start it several times, and ask for its schema.
    # MiniStack 1.5.33 now and then creates a parameter and closes the connection; the provider
    # asks again, and learns that it exists: see `infra.terraform_emulator`.
    "terraform": f"""
if [[ "$*" != *" init" && ! -e "$TYPED.provider" ]]; then
  "$PROVIDER" -debug >"$TYPED.provider" 2>/dev/null &
  echo $! >"$TYPED.pid"
  while kill -0 $! && ! grep -q TF_REATTACH "$TYPED.provider"; do sleep 0.1; done
fi
if [ -e "$TYPED.provider" ]; then
  eval "export $(grep -o "TF_REATTACH_PROVIDERS='.*'" "$TYPED.provider")"
fi
out="$TYPED.terraform"
if "{shutil.which("terraform")}" "$@" >"$out" 2>&1; then cat "$out"; exit; fi
cat "$out"
case " $* " in *" apply "*) ;; *) exit 1 ;; esac
names=$(sed -n 's/.*creating SSM Parameter (\\([^)]*\\)).*ParameterAlreadyExists.*/\\1/p' "$out")
[ -n "$names" ] || exit 1
for name in $names; do
  python -c "import boto3, sys; boto3.client('ssm').delete_parameter(Name=sys.argv[1])" "$name"
done
"{shutil.which("terraform")}" "$1" plan -var-file=prod.tfvars -out=prod.tfplan
"{shutil.which("terraform")}" "$@"
""",
}


def typed_blocks():
    """Heading, prefix and text of each block, in the order of typing."""
    is_for_both = False
    for heading, text in _SECTION.findall(PAGE.read_text(encoding="utf-8")):
        is_for_both = is_for_both or heading == FIRST_FOR_BOTH
        tools = [prefix for tool, prefix in PREFIXES.items() if heading.endswith(f"with {tool}")]
        for block in _BLOCK.findall(text):
            everyone = [*PREFIXES.values()] if is_for_both and heading != LAST else ["prod"]
            for prefix in tools or everyone:
                yield heading, prefix, block


def script():
    parts = ["set -euo pipefail", "trap 'fanout local down; kill $(cat $TYPED.pid)' EXIT"]
    for heading, prefix, block in typed_blocks():
        mark = shlex.quote(f"{_MARK}{heading}|{prefix}")
        parts += [f"echo {mark}", f"export FANOUT_PREFIX={prefix}", block]
    return "\n".join(parts)


def outputs(printed):
    """What was printed, by heading and prefix."""
    shown = {}
    for part in printed.split(_MARK)[1:]:
        first, _, text = part.partition("\n")
        heading, _, prefix = first.partition("|")
        shown[heading, prefix] = shown.get((heading, prefix), "") + text
    return shown


def environment(folder, terraform):
    programs = folder / "programs"
    programs.mkdir()
    for name, command in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/bash\n{command}\n")
        (programs / name).chmod(0o755)
    return terraform.environment | {
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "XDG_STATE_HOME": str(folder / "state"),
        "TF_CLI_ARGS_init": " ".join(terraform.init_arguments),
        "TF_CLI_ARGS_plan": "-input=false -refresh=false",
        "TF_CLI_ARGS_apply": "-parallelism=60 -no-color",
        "TYPED": str(folder / "typed"),
        "PROVIDER": str(terraform.provider()),
    }


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """The page, typed to its end: what it printed, and the folder in which it was."""
    folder = tmp_path_factory.mktemp("beside")
    with workspace(folder) as terraform:
        shutil.copytree(ROOT / "infra/sam", folder / "infra/sam")
        done = subprocess.run(
            ["bash", "-c", script()],
            cwd=folder,
            env=environment(folder, terraform),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    return outputs(done.stdout), folder


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
def test_the_page_deploys_beside_a_table_as_it_is(typed, prefix):
    shown, _ = typed
    assert "A-1 SUSPENDED BLOCKED" in shown[FIRST_FOR_BOTH, prefix]
    assert "compared 3 customers" in shown["5. Seed the customers who didn't change", prefix]
    parked = shown["6. When records park", prefix]
    assert "UnknownStatus" in parked
    assert "translate it with TABLE_STATUS_MAP" in parked
    recovered = shown["Publish what was parked", prefix]
    assert "Every selected object ended well." in recovered
    assert "compared 3 customers and 3 rows; 0 drifted" in recovered


def test_what_is_typed_on_aws_are_the_same_settings(typed):
    _, folder = typed
    given = (folder / "typed.sam").read_text().splitlines()
    pairs = [one.partition("=") for one in given[given.index("--parameter-overrides") + 1 :]]
    assert {name for name, _, _ in pairs} <= set(read_template()["Parameters"])
    settings = {name: value for name, _, value in pairs}
    assert settings["Prefix"] == PREFIXES["SAM"]
    assert settings["AlarmTopicArn"] == "arn:aws:sns:us-east-1:111122223333:on-call"
    assert settings["EntityFilter"] == "type=CUSTOMER"
    assert settings["TableStatusMap"] == "active=ACTIVE,frozen=SUSPENDED,closed=CLOSED"


def test_the_producer_is_renamed_as_the_page_of_the_contract_says(tmp_path):
    page = (ROOT / "docs/reference/contract.md").read_text(encoding="utf-8")
    [section] = [text for heading, text in _SECTION.findall(page) if "Rename" in heading]
    [block] = _BLOCK.findall(section)
    for name in ("docs", "infra", "schemas", "src"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns(".terraform*"))
    program = tmp_path / "programs" / "fanout"
    program.parent.mkdir()
    program.write_text(f"#!/bin/bash\n{PROGRAMS['fanout']}\n")
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\ngit init -q; git add -A\n{block}"],
        cwd=tmp_path,
        env=os.environ
        | {
            "PATH": os.pathsep.join([str(program.parent), os.environ["PATH"]]),
            "PYTHONPATH": str(tmp_path / "src"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for path in (ROOT / "infra").rglob("*.tf"):
        renamed = (tmp_path / path.relative_to(ROOT)).read_text()
        assert "novapay.accounts" not in renamed
    example = json.loads(
        (tmp_path / "schemas/customer_status_changed/examples/v2/changed.json").read_text()
    )
    assert example["type"] == "acme.accounts.CustomerStatusChanged.v2"
    assert example["dataschema"].startswith("https://schemas.acme.example/")
