"""In CI a skipped test fails the run and is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NO_OTHER_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PASSES = "def test_it_passes():\n    pass\n"
SKIPS = """import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_it_needs_a_browser(number):
    pytest.skip("no browser on the PATH")
"""
EXPECTED_TO_FAIL = """import pytest

@pytest.mark.xfail(strict=True)
def test_it_is_known():
    assert False
"""


@pytest.fixture
def outcome(tmp_path):
    """Exit code and output of a run of one test file."""

    def run(code, *arguments, **environment):
        tmp_path.joinpath("test_it.py").write_text(code, encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if name != "CI"}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no_skips", "-q", *arguments, "test_it.py"],
            cwd=tmp_path,
            env=inherited | {"PYTHONPATH": str(TESTS)} | NO_OTHER_PLUGINS | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "in workers"])
def test_a_skip_in_ci_fails_the_run_and_is_named_with_its_reason(outcome, workers):
    code, said = outcome(PASSES + SKIPS, *workers, CI="true")
    assert code == pytest.ExitCode.TESTS_FAILED
    for number in (1, 2):
        name = f"test_it.py::test_it_needs_a_browser[{number}]"
        assert f"{name}: Skipped: no browser on the PATH" in said


@pytest.mark.parametrize(
    ("code", "environment"),
    [(PASSES, {"CI": "true"}), (EXPECTED_TO_FAIL, {"CI": "true"}), (SKIPS, {})],
    ids=["none was skipped", "one was expected to fail", "not in CI"],
)
def test_nothing_else_fails_the_run(outcome, code, environment):
    assert outcome(code, **environment)[0] == pytest.ExitCode.OK


def test_a_failure_stays_one(outcome):
    code, _ = outcome(SKIPS + "\ndef test_it_fails():\n    assert False\n", CI="true")
    assert code == pytest.ExitCode.TESTS_FAILED


def test_the_projects_own_tests_follow_the_rule(request):
    found = request.config.hook.pytest_sessionfinish.get_hookimpls()
    assert "no_skips" in {one.function.__module__ for one in found}


@pytest.fixture
def ci(tmp_path):
    """Runs `.ci/run` where every other program but those named is a stub that says its call."""
    stub = '#!/bin/bash\necho "$(basename "$0") $* CI=$CI ${PYTHONDONTWRITEBYTECODE-cached}"\n'
    scripts = dict.fromkeys(("apt-get", "find", "make"), stub) | {"id": "#!/bin/bash\necho 0\n"}

    def run(*there):
        for name, text in (scripts | dict.fromkeys(there, stub)).items():
            tmp_path.joinpath(name).write_text(text, encoding="utf-8")
            tmp_path.joinpath(name).chmod(0o755)
        for name in ("basename", "bash", "dirname"):
            tmp_path.joinpath(name).symlink_to(shutil.which(name))
        done = subprocess.run(
            [tmp_path / "bash", TESTS.parent / ".ci" / "run"],
            env={"PATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
            timeout=400,
        )
        return done.stdout.splitlines()

    return run


def test_ci_installs_what_tests_would_be_skipped_without(ci):
    assert ci() == [
        "apt-get update -qq CI=true cached",
        "apt-get install -y -qq --no-install-recommends chromium nodejs npm CI=true cached",
        "make check CI=true cached",
        "make test CI=true cached",
    ]


def test_ci_installs_nothing_that_is_there(ci):
    said = ci("google-chrome", "node", "npm")
    assert said == ["make check CI=true cached", "make test CI=true cached"]
