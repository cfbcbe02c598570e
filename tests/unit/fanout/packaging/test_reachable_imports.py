import pytest

from fanout.packaging.imports import Module, reach, scan


@pytest.fixture
def reached(tmp_path):
    """Write modules from `name: source`, then name those that an import of `shop` can reach."""

    def run(**sources: str) -> set[str]:
        modules = {}
        for name, source in sources.items():
            dotted = name.replace("__", ".")
            path = tmp_path / f"{dotted}.py"
            path.write_text(source)
            inside = any(other.startswith(f"{name}__") for other in sources)
            modules[dotted] = Module(name=dotted, path=path, is_package=inside)
        return set(reach(modules, ["shop"]))

    return run


def test_a_module_that_nothing_imports_is_left_out(reached):
    assert reached(shop="import used", used="", unused="") == {"shop", "used"}


def test_the_parents_of_a_module_come_along(reached):
    found = reached(shop="import a.b.c", a="", a__b="", a__b__c="", a__d="")
    assert found == {"shop", "a", "a.b", "a.b.c"}


@pytest.mark.parametrize(
    "source",
    [
        "from a import b",
        "from a.b import thing",
        "def f():\n    import a.b",
        "try:\n    import a.b\nexcept ImportError:\n    pass",
    ],
)
def test_every_form_of_import_counts_also_the_lazy_and_the_guarded(reached, source):
    assert "a.b" in reached(shop=source, a="", a__b="")


def test_relative_imports_are_resolved_from_the_package(reached):
    found = reached(
        shop="import a.b",
        a="from . import c",
        a__b="from .d import thing\nfrom .. import nothing",
        a__c="",
        a__d="",
        a__e="",
    )
    assert found == {"shop", "a", "a.b", "a.c", "a.d"}


def test_imports_for_type_checkers_do_not_count(reached):
    source = "import typing\nif typing.TYPE_CHECKING:\n    import a\nelse:\n    import b"
    assert reached(shop=source, a="", b="") == {"shop", "b"}


def test_a_string_that_names_a_module_counts(reached):
    assert "a.b" in reached(shop="WHERE = {'thing': 'a.b'}", a="", a__b="")


def test_a_literal_given_to_import_module_counts(reached):
    source = "import importlib\nimportlib.import_module('a')"
    assert reached(shop=source, a="", b="") == {"shop", "a"}


@pytest.mark.parametrize(
    "source",
    [
        "from importlib import import_module\ndef f(name):\n    return import_module(name)",
        "import importlib\nimportlib.import_module('.b', __name__)",
        "def __getattr__(name):\n    return globals()[name]",
    ],
)
def test_a_package_that_computes_its_imports_stays_whole(reached, source):
    found = reached(shop="import a", a=source, a__b="", a__c="", a__c__d="", z="")
    assert found == {"shop", "a", "a.b", "a.c", "a.c.d"}


def test_cycles_end(reached):
    assert reached(shop="import a", a="import shop") == {"shop", "a"}


def aws_services(tmp_path, source):
    path = tmp_path / "shop.py"
    path.write_text(source)
    return scan(Module(name="shop", path=path, is_package=False)).aws_services


@pytest.mark.parametrize(
    "source",
    [
        "session.create_client('sns', region_name=region)",
        "boto3.client('sns')",
        "make_client(session, 'sns')",
        "late = lambda: session.create_client(service_name='sns')",
        "for name in ('sns',):\n    session.create_client(name)",
    ],
)
def test_the_aws_services_are_the_strings_that_clients_are_made_of(tmp_path, source):
    assert "sns" in aws_services(tmp_path, source)


def test_a_string_elsewhere_is_no_aws_service(tmp_path):
    source = "session.create_client('sns')\nlog('batch')\nrecord.get('dynamodb')"
    assert aws_services(tmp_path, source) == {"sns"}
