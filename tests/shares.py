"""Which worker begins with which tests: each starts with its share of those that take long.

`--dist worksteal` cuts the list of tests into as many equal parts as there are workers, and whoever
is done takes half of what another has left, from its end. So what takes a minute must stand at the
beginning of a part, or one worker does it alone at the end.
"""

import os

import pytest

# The longest first, by the time that each takes alone.
LONGEST = (
    "tests/docs/test_beside_your_own_table.py",
    "tests/infra/test_terraform_modules.py",
    "tests/infra/test_sam_cli.py",
    "tests/docs/test_add_an_event_type.py",
    "tests/e2e/test_subscribe_howto.py",
    "guarded",
    "deployment",
    "tests/simulation/test_alarms.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_local_runtime.py",
    "tests/docs/test_commands_in_docs.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests for the workers of pytest-xdist, or the quick ones first for mutmut."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = shares(items, workers)
    elif "MUTANT_UNDER_TEST" in os.environ:  # by mutmut: most changes fail a quick test
        items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def shares(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order whose equal parts begin with slow tests, those of a file together."""
    slow: dict[str, list[pytest.Item]] = {}
    quick = []
    for item in items:
        if item.get_closest_marker("slow"):
            slow.setdefault(_unit(item), []).append(item)
        else:
            quick.append(item)
    parts: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, unit in enumerate(sorted(slow, key=_rank)):
        part = parts[number % workers] if unit in LONGEST else min(parts, key=len)
        part.extend(slow[unit])
    ordered: list[pytest.Item] = []
    for number, part in enumerate(parts):
        equal_part = (len(items) - len(ordered)) // (workers - number)
        room = max(0, equal_part - len(part))
        ordered += [*part, *quick[:room]]
        del quick[:room]
    return ordered + quick


# Private functions


def _unit(item: pytest.Item) -> str:
    """What stays together: the tests of a file, or those of several that share a deployment."""
    group = item.get_closest_marker("xdist_group")
    return str(group.args[0]) if group else item.nodeid.partition("::")[0]


def _rank(unit: str) -> int:
    return LONGEST.index(unit) if unit in LONGEST else len(LONGEST)
