import pytest

from fanout.errors import WrongUse
from fanout.packaging.build import choose_python
from fanout.packaging.dependencies import running_version


def test_a_local_package_is_for_the_running_python():
    assert choose_python("local", None) == running_version()
    assert choose_python("local", running_version()) == running_version()


@pytest.mark.parametrize("arch", ["arm64", "x86_64"])
def test_a_lambda_package_is_for_lambdas_python_unless_another_is_named(arch):
    assert choose_python(arch, None) == "3.13"
    assert choose_python(arch, "3.12") == "3.12"


def test_a_local_package_for_another_python_is_refused():
    with pytest.raises(WrongUse, match="runs in this interpreter"):
        choose_python("local", "3.99")


def test_an_unknown_architecture_names_the_known_ones():
    with pytest.raises(WrongUse, match="'sparc'; known: local, arm64, x86_64"):
        choose_python("sparc", None)


@pytest.mark.parametrize("version", ["3", "3.9", "python3.13", "3.13.1", ""])
def test_a_version_that_is_none_is_refused(version):
    with pytest.raises(WrongUse, match="Not a Python version"):
        choose_python("arm64", version)
