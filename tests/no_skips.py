"""In CI a skipped test fails the run, by name and reason: what was not run has proved nothing.

An expected failure (`xfail`) is not a skip.
"""

import os
from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run that would pass into one that failed."""
    if session.exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """List each skipped test."""
    skipped = _skipped(config)
    if skipped:
        terminalreporter.section("skipped in CI, which is a failure", red=True)
        for report in skipped:
            terminalreporter.line(f"{report.nodeid}: {_reason(report)}")


# Private functions


def _skipped(config: pytest.Config) -> list[Any]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    is_worker = hasattr(
        config, "workerinput"
    )  # of pytest-xdist: its reports go to the main process
    if not os.environ.get("CI") or reporter is None or is_worker:
        return []
    return list(reporter.stats.get("skipped", ()))


def _reason(report: Any) -> str:
    """A skipped report's `longrepr` is its file, line and reason."""
    longrepr = report.longrepr
    return longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
