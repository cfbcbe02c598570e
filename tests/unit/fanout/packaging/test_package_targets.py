import sys

import pytest

from fanout.errors import WrongUse
from fanout.packaging.build import choose

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_a_local_package_is_for_the_running_python():
    assert choose("local", None).python_version == RUNNING
    assert choose("local", RUNNING).is_local


@pytest.mark.parametrize(
    ("arch", "platform"),
    [("arm64", "manylinux2014_aarch64"), ("x86_64", "manylinux2014_x86_64")],
)
def test_a_lambda_package_is_for_lambdas_python_unless_another_is_named(arch, platform):
    assert choose(arch, None).python_version == "3.13"
    assert choose(arch, "3.12").python_version == "3.12"
    assert choose(arch, None).platform == platform


def test_a_local_package_for_another_python_is_refused():
    with pytest.raises(WrongUse, match="runs in this interpreter"):
        choose("local", "3.99")


def test_an_unknown_architecture_names_the_known_ones():
    with pytest.raises(WrongUse, match="'sparc'; known: local, arm64, x86_64"):
        choose("sparc", None)


@pytest.mark.parametrize("version", ["3", "3.9", "python3.13", "3.13.1", ""])
def test_a_version_that_is_none_is_refused(version):
    with pytest.raises(WrongUse, match="Not a Python version"):
        choose("arm64", version)
