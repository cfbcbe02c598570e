"""Each name that the documentation shows is the name that its source has.

Names are told by their form: a log group, a make variable, a setting, a metric, an alarm, an SSM
parameter, an option, a report's word, a file. ADRs and the changelog tell of their own time.
"""

import re
from functools import cache
from itertools import chain

import pytest
from botocore.session import Session

from docs.doc_blocks import ROOT
from docs.doc_names import Shown, blocks, every_option, spans, words_of_sources
from infra.sam_template import deployed, of_type
from infra.terraform_workspace import MODULES, TERRAFORM
from infra.watched_metrics import AWS

SETTING = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
REPORT_WORD = r"[A-Z]{3,}"
CAMEL_CASE = r"[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+"
SNAKE_CASE = r"[a-z0-9]+(?:_[a-z0-9]+)+"
WORD = r"[a-z]+"
NAME = f"{SETTING}|{REPORT_WORD}|{CAMEL_CASE}|{SNAKE_CASE}|{WORD}"
PATH = r"\.?[\w.*<>-]+(?:/[\w.*<>-]+)*/[\w.*<>-]*"
FILE = r"[\w*-]+\.(?:py|md|json|jsonl|yaml|tf|html|toml|sh|hcl)"
# Words of AWS that no source of ours holds, by the page that has them.
AWS_WORDS = {
    "LastProcessingResult": "Lambda API reference, GetEventSourceMapping",
    "MaximumEventAge": "EventBridge user guide, dead-letter queues (EXHAUSTED_RETRY_CONDITION)",
    "NO_PERMISSIONS": "EventBridge user guide, Using dead-letter queues (ERROR_CODE)",
    "NO_RESOURCE": "EventBridge user guide, Using dead-letter queues (ERROR_CODE)",
    "THROTTLING": "EventBridge user guide, Using dead-letter queues (ERROR_CODE)",
    "RequestThrottled": "SQS API reference, Common errors",
    "ServiceUnavailable": "SQS API reference, Common errors",
    "UnrecognizedClientException": "DynamoDB developer guide, Error handling",
    "ValidationException": "DynamoDB developer guide, Error handling",
    "ThrottlingException": "DynamoDB developer guide, Error handling",
    "ThrottlingError": "DynamoDB API reference, BatchStatementError",
    "ProvisionedThroughputExceeded": "DynamoDB API reference, BatchStatementError",
    "RequestLimitExceeded": "DynamoDB API reference, BatchStatementError",
    "xray_trace_id": "Powertools for AWS Lambda (Python), Logger, Standard structured keys",
}
# Values in the tables of examples, the field that a how-to adds, and what of the tests it uses.
OF_EXAMPLES = {
    *("CARD", "CUSTOMER", "FRAUD_DESK", "SnsRig"),
    *("changed_by", "changed_by_attribute", "ChangedByAttribute", "set_by"),
}
# Options of other people's tools.
THEIR_OPTIONS = {
    "--ff": "pytest",
    "--lf": "pytest",
    "--no-deps": "pip",
    "--only-binary": "pip",
    "--require-hashes": "pip",
    "--cached": "sam build",
    "--guided": "sam deploy",
    "--no-confirm-changeset": "sam deploy",
}
# What the how-tos make in the reader's clone, what tools make, and what lies in S3.
MADE = re.compile(
    r"(src|tests/unit|infra/(sam|terraform)/subscribers)/(fraud|takeover).*"
    r"|tests/contract/test_(fraud|takeover)_.*"
    r"|(.*/)?(test_)?(customer_email_changed|changed_by_on_moto).*|(build|dist|\.aws-sam)/.*|src/fanout/demo/data"
    r"|(parked|recovered|discarded|aws/lambda)/.*|mutation/.*|policy/.*|(alias|application)/.*"
    r"|(handling|rule|calm)\.py"
)


def matching(pattern: str) -> list[Shown]:
    found = (one for one in spans() if re.fullmatch(pattern, one.text))
    return sorted(set(found), key=str)


@cache
def folders_and_files() -> frozenset[str]:
    skipped = {".git", ".venv", "node_modules", "__pycache__", "build", "dist", ".terraform"}
    return frozenset(
        path.relative_to(ROOT).as_posix()
        for top in ROOT.iterdir()
        if top.name not in skipped
        for path in chain([top], top.rglob("*") if top.is_dir() else ())
        if not skipped.intersection(path.parts)
    )


@cache
def aws_words() -> frozenset[str]:
    """Operations, and shapes such as errors, of the services that we talk to."""
    session = Session()
    models = [
        session.get_service_model(name)
        for name in ("dynamodb", "events", "kms", "lambda", "s3", "sns", "sqs", "ssm")
    ]
    metrics = {word for names in AWS for word in names}
    return frozenset(AWS_WORDS).union(
        metrics, *([*one.operation_names, *one.shape_names] for one in models)
    )


def known_words() -> frozenset[str]:
    stems = {part.partition(".")[0] for one in folders_and_files() for part in one.split("/")}
    return words_of_sources() | aws_words() | stems | OF_EXAMPLES


def test_every_word_set_as_code_is_in_the_sources():
    """Settings, metrics, reasons, parameters, fields and the words of reports."""
    known = known_words()
    unknown = [str(one) for one in matching(NAME) if one.text not in known]
    assert unknown == []


def test_every_name_in_a_shell_line_is_in_the_sources_or_made_on_its_page():
    known = known_words()
    name = re.compile(rf"(?<![\w./:$@-])(?:{SETTING}|{CAMEL_CASE}|{REPORT_WORD})(?![\w./:@-])")
    unknown = [
        f"{one.page}: {word}"
        for one in in_shell()
        for word in sorted(set(name.findall(one.text)) - known)
        if not re.search(rf"\b{word}=|<<'?{word}|\"{word}\"(:| if )", one.text)
    ]
    assert unknown == []


def test_every_dotted_name_is_a_module_or_an_attribute():
    known = words_of_sources()
    for one in matching(rf"(?!{FILE}$)(?:{SNAKE_CASE}|fanout|publisher)(?:\.[A-Za-z_]+)+"):
        assert set(one.text.split(".")) <= known, one


def test_every_variable_of_terraform_that_is_set_is_declared():
    declared = {
        name
        for path in TERRAFORM.rglob("variables.tf")
        for name in re.findall(
            r'^variable "(\w+)"|^ +(\w+) += optional', path.read_text(), re.MULTILINE
        )
        for name in name
    } | {"force_destroy"}
    shown = matching(r"\w+ = (?:true|false|\d+)")
    assert shown
    assert [str(one) for one in shown if one.text.partition(" ")[0] not in declared] == []


def test_every_log_group_is_that_of_a_function():
    groups = {
        one["LogGroupName"].replace("fanout-payments", "fanout-NAME")
        for one in of_type(deployed(), "AWS::Logs::LogGroup").values()
    }
    names = ("fanout-publisher", "fanout-sentinel", "fanout-NAME-consumer")
    assert groups == {f"/aws/lambda/{name}" for name in names}
    shown = [
        (one, group)
        for one in chain(spans(), blocks())
        for group in re.findall(r"/aws/lambda/[\w${}<>*…-]+", one.text)
    ]
    assert len(shown) >= 5
    for one, group in shown:
        name = re.sub(r"^(\$\{?PREFIX\}?|PREFIX|fanout)-", "fanout-", group.rpartition("/")[2])
        name = re.sub(r"-(payments|fraud|SUBSCRIBER|NAME|\$\{?\w+\}?)-", "-NAME-", name)
        assert f"/aws/lambda/{name}" in groups, one


def test_every_make_target_and_variable_is_in_the_makefile():
    text = (ROOT / "Makefile").read_text()
    recipes = dict(re.findall(r"^([a-z-]+):(?!=)(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL))
    everywhere = set(re.findall(r"^(\w+) \?=", text, re.MULTILINE))
    shown = re.findall(
        r"(?:^|[ `])make((?: +[a-z-]+)+)((?: +[A-Z_]+=\S+)*)",
        "\n".join(one.text for one in chain(matching("make .*"), in_shell())),
        re.MULTILINE,
    )
    assert len(shown) > 20
    for targets, variables in shown:
        for target in targets.split():
            assert target in recipes, f"make {target}"
        for name in re.findall(r"([A-Z_]+)=", variables):
            wanted = {f"$({name})", f"$(or $({name})", f"$(if $({name})"}
            used = any(one in recipes[target] for one in wanted for target in targets.split())
            assert used or name in everywhere, f"make{targets} {name}="
    variables = set(re.findall(r"\$\((?:or \$\(|if \$\()?([A-Z_]+)\)", text))
    for one in matching(r"[A-Z]+=.*"):
        name = one.text.partition("=")[0]
        assert name in variables or name in words_of_sources(), one


def in_shell() -> list[Shown]:
    return [one for one in blocks() if one.language in {"sh", "bash", "console"}]


def test_every_variable_that_a_shell_line_sets_is_read_somewhere():
    known = words_of_sources() | {"AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL"}
    for one in in_shell():
        for name in re.findall(r"^(?:export +)?([A-Z][A-Z0-9_]+)=", one.text, re.MULTILINE):
            assert name in known or re.search(rf"\${{?{name}\b", one.text), f"{one.page}: {name}"


def test_every_alarm_is_deployed():
    known = {
        one["AlarmName"]
        for one in of_type(deployed(Prefix="prefix"), "AWS::CloudWatch::Alarm").values()
    }
    bases = {
        "event_bus": ("topic", "bus"),
        "queue_consumer": ("payments-consumer", "payments"),
        "sentinel": ("sentinel",),
        "stream_publisher": ("publisher",),
        "subscriber": ("payments",),
    }
    for module in MODULES:
        path = TERRAFORM / "modules" / module / "alarms.tf"
        text = path.read_text() if path.exists() else ""
        endings = re.findall(r"^ {4}([a-z-]+) += \{", text, re.MULTILINE)
        endings += re.findall(r'alarm_name += ".*\}-(?:bus-)?([a-z-]+)"', text)
        known |= {f"prefix-{base}-{end}" for base in bases.get(module, ()) for end in endings}
    for one in matching(r"PREFIX-[A-Za-z-]+[a-z]"):
        name = re.sub(r"-(SUBSCRIBER|NAME)-", "-payments-", one.text).replace("PREFIX", "prefix")
        assert name in known, one
    for one in matching(r"…-[a-z-]+"):
        assert any(name.endswith(one.text[1:]) for name in known), one


def test_every_ssm_parameter_is_written_or_locked_by():
    written = {
        re.sub("payments$", "NAME", one["Name"])
        for one in of_type(deployed(Prefix="PREFIX"), "AWS::SSM::Parameter").values()
    }
    assert written == {"/PREFIX/bus", "/PREFIX/publisher", "/PREFIX/subscribers/NAME"}
    text = "\n".join(one.text for one in chain(spans(), blocks()))
    shown = set(re.findall(r"(?<![\w.])/(?:PREFIX|fanout|prod)/[a-z]+(?:/[\w*]+)?", text))
    assert len(shown) >= 4
    for one in shown:
        name = re.sub("^/(fanout|prod)/", "/PREFIX/", one)
        name = re.sub("(?<=/subscribers/).*", "NAME", name)
        assert name in written | {"/PREFIX/locks/*", "/PREFIX/paused/NAME"}, one


def test_every_option_belongs_to_a_command():
    scripts = "\n".join(
        path.read_text()
        for folder in ("scripts", "bench", "tests")
        for path in (ROOT / folder).rglob("*.py")
    )
    ours = every_option() | set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', scripts))
    unknown = [
        str(one)
        for one in matching(r"--[a-z].*")
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", one.text)
        if option not in ours and option not in THEIR_OPTIONS
    ]
    assert unknown == []


def test_every_path_leads_somewhere():
    known = folders_and_files()
    for one in matching(f"{PATH}|{FILE}"):
        if MADE.fullmatch(one.text) or (ROOT / one.page).parent.joinpath(one.text).exists():
            continue
        pattern = re.escape(re.sub(r"<[^>]+>", "*", one.text.rstrip("/")))
        wanted = re.compile(rf"(?:.*/)?{pattern.replace(re.escape('*'), '[^/]*')}")
        assert any(wanted.fullmatch(name) for name in known), one


def test_every_path_in_a_shell_line_leads_somewhere_or_is_made_on_its_page():
    folder = re.compile(r"(?<=[\s=])((?:src|tests|infra|docs|scripts|schemas|bench)/[\w./-]+)")
    shown = {(one.page, path) for one in in_shell() for path in folder.findall(one.text)}
    assert len(shown) > 10
    assert [
        (page, path)
        for page, path in sorted(shown)
        if not MADE.fullmatch(path) and not (ROOT / path).exists()
    ] == []


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("`LOST_EVENTS`", test_every_word_set_as_code_is_in_the_sources),
        ("`VANISHED`", test_every_word_set_as_code_is_in_the_sources),
        ("`EventsLost`", test_every_word_set_as_code_is_in_the_sources),
        ("`queue_age_alarm_minutes`", test_every_word_set_as_code_is_in_the_sources),
        ("`/aws/lambda/PREFIX-consumer`", test_every_log_group_is_that_of_a_function),
        ("`make simulate RUNS=5`", test_every_make_target_and_variable_is_in_the_makefile),
        ("`make fuzz`", test_every_make_target_and_variable_is_in_the_makefile),
        ("`PREFIX-payments-lost`", test_every_alarm_is_deployed),
        ("`/PREFIX/topic`", test_every_ssm_parameter_is_written_or_locked_by),
        ("`--repair-all`", test_every_option_belongs_to_a_command),
        ("`src/publisher/shipping.py`", test_every_path_leads_somewhere),
        ("`keeps_every_state = true`", test_every_variable_of_terraform_that_is_set_is_declared),
        ("`fanout.mending.store`", test_every_dotted_name_is_a_module_or_an_attribute),
    ],
)
def test_a_name_that_no_source_has_is_noticed(monkeypatch, text, check):
    wrong = Shown(page="wrong.md", text=text.strip("`"))
    found = (*spans(), wrong)
    monkeypatch.setitem(globals(), "spans", lambda: found)
    with pytest.raises(AssertionError):
        check()
