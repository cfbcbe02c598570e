"""Each alarm has a page, each reason is on one, and each page opens with what to type.

Each page says where it was walked too.
"""

import json
import re

import pytest

from customer_events import errors as contract
from customer_events.errors import PermanentError
from docs.doc_blocks import ROOT
from fanout.dlq.diagnosis import NEVER_RAN, UNDELIVERED
from infra.parity_facts import runbook
from infra.sam_template import deployed, of_type
from publisher import reasons
from simulation.outages import OUTAGES

FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
NAMED = re.compile(
    r"\$\{RunbookBaseUrl\}/([A-Za-z-]+)\.md|"  # in SAM's descriptions
    r'runbook += "([a-z-]+)"|/([A-Za-z-]+)\.md"'  # in Terraform's
)
WALKED = re.compile(
    r"^Tested: (?:on the embedded AWS, by `(tests/e2e/\S+)`(?:, which .+)?"
    r"|in the simulation only, as \*(.+?)\*, since .+)\.$",
    re.MULTILINE,
)
SPAN = re.compile("`(.*?)`")
TERRAFORM = ROOT / "infra" / "terraform" / "modules"


def codes(module, *, base):
    return [
        name
        for name, one in vars(module).items()
        if isinstance(one, type) and issubclass(one, base) and one.__module__ == module.__name__
    ]


CONTRACT = [one for one in codes(contract, base=PermanentError) if one != "PermanentError"]
PUBLISHER = [one for one in codes(reasons, base=reasons.BadRecord) if one != "BadRecord"]


def alarms():
    """Each alarm's name without the deployment's and the subscriber's, and the page it names."""
    template = deployed(Prefix="fanout")
    kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    named = {
        it["AlarmName"]: runbook(it["AlarmDescription"])
        for kind in kinds
        for it in of_type(template, kind).values()
    }
    other = json.loads((ROOT / "tests/infra/transport_differences.json").read_text())
    for example in other.values():
        for key, page in example["changed"].items():
            if found := re.fullmatch("alarm (.*): runbook", key):
                named[found[1]] = page
    for name, page in named.items():
        if page != "absent":
            yield re.sub("^fanout(-payments)?-", "", name), page.rpartition("/")[2]


def test_every_page_that_an_alarm_names_exists():
    texts = [(ROOT / "infra/sam/template.yaml").read_text(encoding="utf-8")]
    texts += [path.read_text(encoding="utf-8") for path in TERRAFORM.rglob("alarms.tf")]
    named = {f"{''.join(found)}.md" for text in texts for found in NAMED.findall(text)}
    assert len(named) >= 11
    assert named <= {page.name for page in PAGES}


def test_the_index_and_the_page_name_every_alarm():
    index = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    rows = {name: line for line in index if line.startswith("| `…-") for name in SPAN.findall(line)}
    named = dict(alarms())
    assert len(named) > 40
    for alarm, page in named.items():
        assert page == "README.md" or f"({page})" in rows[f"…-{alarm}"], alarm
        assert f"-{alarm}`" in (FOLDER / page).read_text(encoding="utf-8"), alarm


@pytest.mark.parametrize("code", [*CONTRACT, NEVER_RAN, UNDELIVERED, "ERROR_CODE"])
def test_every_cause_of_a_dead_message_is_on_the_page_that_the_index_names(code):
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    [row] = [line for line in index.splitlines() if f"`{code}`" in line and ".md" in line]
    [page] = re.findall(r"\(([a-z-]+\.md)\)", row)
    assert f"`{code}`" in (FOLDER / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("code", PUBLISHER)
def test_every_reason_of_the_publisher_has_a_row(code):
    assert f"\n| `{code}` |" in (FOLDER / "cause-publisher.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_opens_with_what_to_type(page):
    text = page.read_text(encoding="utf-8")
    opening, shell, typed = text.partition("```sh\n")
    assert shell, "it shows nothing to type"
    assert typed.startswith("fanout status"), "what is wrong comes first"
    assert len(opening.splitlines()) <= 10
    assert "--execute" not in text.partition("```sh\n")[2].partition("```")[0], (
        "the first thing to type changes nothing"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_where_it_was_walked(page):
    opening = page.read_text(encoding="utf-8").partition("```sh\n")[0]
    [(test, outage)] = WALKED.findall(opening)
    if test:
        assert f'walk("{page.stem}"' in (ROOT / test).read_text(encoding="utf-8")
    else:
        assert outage in {each.name for each in OUTAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_index_names_every_page(page):
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert page.name == "README.md" or f"({page.name})" in index
