"""The commands: what they print, and how they exit."""

import json

import pytest
from typer.testing import CliRunner

from fanout.contract.commands import schema_app
from fanout.errors import Found, WrongUse
from unit.fanout.contract.catalogue_samples import SCHEMAS, V2

FOLDER = ["--schemas", str(SCHEMAS)]


@pytest.fixture
def run():
    """Run a command and return its output. Raises what `fanout` turns into an exit code."""

    def call(*arguments):
        result = CliRunner().invoke(schema_app, [*arguments, *FOLDER])
        if result.exception and not isinstance(result.exception, SystemExit):
            result.exception.add_note(result.output)
            raise result.exception
        return result.exit_code, result.output

    return call


@pytest.fixture
def filter_file(tmp_path):
    def write(document):
        path = tmp_path / "filter.json"
        text = document if isinstance(document, str) else json.dumps(document)
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_good_filter_exits_with_0_and_says_so(run, filter_file):
    code, output = run("lint-filter", filter_file({"type": [V2]}), "--latest-state")
    assert (code, "a good sns filter" in output) == (0, True)


def test_a_bad_filter_prints_each_finding_and_raises_found(run, filter_file):
    path = filter_file({"status": ["FROZEN", "ASLEEP"]})
    with pytest.raises(Found, match="2 faults"):
        run("lint-filter", path)


def test_as_json_the_findings_are_one_document(run, filter_file):
    path = filter_file({"state": ["ACTIVE"]})
    with pytest.raises(Found) as raised:
        run("lint-filter", path, "--json")
    document = json.loads(raised.value.__notes__[0])
    assert document["transport"] == "sns"
    [found] = document["findings"]
    assert (found["rule"], found["key"], found["severity"]) == ("unknown-key", "state", "error")


def test_a_warning_is_printed_and_is_no_failure(run, filter_file):
    document = {"transition": [{"prefix": "ACTIVE>"}, {"suffix": ">ACTIVE"}]}
    code, output = run("lint-filter", filter_file(document), "--latest-state")
    assert code == 0
    assert "warning [unknown-status-before]" in output


def test_a_filter_that_names_a_key_twice_is_refused_since_aws_takes_the_last(run, filter_file):
    with pytest.raises(WrongUse, match="status appears twice"):
        run("lint-filter", filter_file('{"status": ["ACTIVE"], "status": ["CLOSED"]}'))


@pytest.mark.parametrize("transport", ["sns", "eventbridge"])
def test_a_rendered_filter_can_be_piped_into_the_check(run, filter_file, transport):
    chosen = ["--version", "1", "--version", "2", "--status", "ACTIVE", "--status", "REMOVED"]
    for kind in ([], ["--latest-state"]):
        _, output = run("filter", *chosen, *kind, "--transport", transport)
        code, told = run("lint-filter", filter_file(output), *kind)
        assert (code, f"a good {transport} filter" in told) == (0, True)


@pytest.mark.parametrize("kind", ["registry", "asyncapi", "docs"])
def test_a_generated_file_is_written_where_it_is_wanted_and_then_current(run, tmp_path, kind):
    target = str(tmp_path / "folder" / "file")
    with pytest.raises(Found, match="run `fanout schema generate`"):
        run("generate", kind, "--output", target, "--check")
    assert run("generate", kind, "--output", target) == (0, f"Written: {target}\n")
    assert run("generate", kind, "--output", target, "--check") == (0, f"Current: {target}\n")


def test_one_output_for_three_files_is_wrong_use(run, tmp_path):
    with pytest.raises(WrongUse, match="--output is for one file"):
        run("generate", "--output", str(tmp_path / "file"))


def test_a_folder_without_events_is_wrong_use(tmp_path):
    result = CliRunner().invoke(schema_app, ["generate", "--schemas", str(tmp_path)])
    assert isinstance(result.exception, WrongUse)
    assert "registry.yaml" in str(result.exception)
