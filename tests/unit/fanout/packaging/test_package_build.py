import importlib.util
import json
import marshal
import shutil
import sys
import zipfile

import pytest

from fanout.errors import Refused, WrongUse
from fanout.packaging.build import build, choose

IMPORT_ENTRY = "import shop.lambda_entry as entry; print(entry.lambda_handler)"


def names_in(package):
    with zipfile.ZipFile(package.path) as archive:
        return set(archive.namelist())


def test_a_package_holds_what_the_service_imports_and_nothing_else(small_clone, build_shop):
    names = names_in(build_shop(small_clone()))
    own = {name for name in names if not name.startswith("jmespath/") and "__pycache__" not in name}
    assert own == {
        "contract/__init__.py",
        "contract/prices.json",
        "contract/prices.py",
        "shop/__init__.py",
        "shop/bootstrap.py",
        "shop/lambda_entry.py",
    }
    assert "jmespath/__init__.py" in names


def test_it_starts_in_an_interpreter_that_sees_nothing_else(
    small_clone, build_shop, unpack, run_isolated
):
    answer = run_isolated(unpack(build_shop(small_clone()).path), IMPORT_ENTRY)
    assert (answer.stdout, answer.stderr) == ("3\n", "")


def test_it_does_not_start_without_a_dependency(small_clone, build_shop, unpack, run_isolated):
    folder = unpack(build_shop(small_clone()).path)
    shutil.rmtree(folder / "jmespath")
    answer = run_isolated(folder, IMPORT_ENTRY)
    assert answer.returncode != 0
    assert "No module named 'jmespath'" in answer.stderr


def test_the_same_clone_in_another_folder_gives_the_same_bytes(small_clone, build_shop):
    first = build_shop(small_clone("here"), "one")
    second = build_shop(small_clone("quite/another/place"), "two")
    assert first.sha256 == second.sha256
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_second_build_reads_no_dependency_anew(small_clone, build_shop):
    project, said = small_clone(), []
    first = build_shop(project, said=said)
    assert said == ["Installing and compiling the dependencies in shop.txt."]
    said.clear()
    assert build_shop(project, said=said).sha256 == first.sha256
    assert said == []


def test_another_lock_is_not_served_from_the_cache(small_clone, build_shop):
    project, said = small_clone(), []
    build_shop(project)
    project.lock("shop").write_text(project.lock("shop").read_text() + "# changed\n")
    build_shop(project, said=said)
    assert said == ["Installing and compiling the dependencies in shop.txt."]


def test_every_source_has_a_compiled_file_that_is_never_checked(small_clone, build_shop, unpack):
    package = build_shop(small_clone())
    folder = unpack(package.path)
    sources = sorted(folder.rglob("*.py"))
    for source in sources:
        compiled = (
            source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        ).read_bytes()
        assert compiled[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(compiled[4:8], "little") == 0b01
        assert compiled[8:16] == importlib.util.source_hash(source.read_bytes())
    assert sources


def test_compiled_files_name_the_place_on_lambda_and_no_place_here(
    small_clone, build_shop, unpack, tmp_path
):
    folder = unpack(build_shop(small_clone()).path)
    for compiled in folder.rglob("*.pyc"):
        content = compiled.read_bytes()
        source = compiled.parent.parent / f"{compiled.name.split('.')[0]}.py"
        assert marshal.loads(content[16:]).co_filename == f"/var/task/{source.relative_to(folder)}"
        assert str(tmp_path).encode() not in content


def test_a_source_that_does_not_compile_is_named(small_clone, build_shop):
    project = small_clone()
    (project.sources / "shop" / "broken.py").write_text("def f():\n    return await 1\n")
    with pytest.raises(WrongUse, match=r"Error compiling .*shop/broken\.py.*SyntaxError"):
        build_shop(project)


def test_a_package_that_does_not_start_is_not_left_behind(small_clone, build_shop, tmp_path):
    project = small_clone()
    (project.sources / "contract" / "prices.py").write_text("import yaml\n")
    with pytest.raises(Refused, match=r"does not start: ModuleNotFoundError: .*'yaml'.*shop\.in"):
        build_shop(project)
    assert not (tmp_path / "dist" / "shop-local.zip").exists()


@pytest.mark.parametrize(
    "source",
    [
        "from contract import unused",
        "from contract.unused import LIST",
        "def f():\n    import contract.unused",
        "try:\n    import contract.unused\nexcept ImportError:\n    pass",
    ],
)
def test_every_form_of_import_counts_also_the_lazy_and_the_guarded(small_clone, build_shop, source):
    project = small_clone()
    (project.sources / "shop" / "more.py").write_text(source + "\n")
    assert "contract/unused.py" in names_in(build_shop(project))


def test_a_relative_import_counts(small_clone, build_shop):
    project = small_clone()
    (project.sources / "contract" / "prices.py").write_text("from .unused import LIST\n")
    assert "contract/unused.py" in names_in(build_shop(project))


def test_an_unknown_service_names_the_known_ones(small_clone, tmp_path):
    target = choose("local", None)
    with pytest.raises(WrongUse, match="No service 'fraud'; known: other, shop"):
        build("fraud", target=target, output=tmp_path, project=small_clone())


def test_a_service_is_known_by_its_entry_and_its_lock_alone(small_clone):
    project = small_clone(**{"fraud/lambda_entry.py": ""})
    assert project.services() == ("other", "shop")
    project.lock("fraud").write_text("")
    assert project.services() == ("fraud", "other", "shop")


def test_a_cache_that_cant_be_written_gets_one_sentence(small_clone, build_shop):
    project = small_clone()
    (project.root / "build").write_text("")
    with pytest.raises(Refused, match=r"build cache .* can't be written"):
        build_shop(project)


def test_linked_data_folders_ship_with_their_package(small_clone, build_shop, tmp_path):
    project = small_clone()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "v1.schema.json").write_text(json.dumps({"type": "object"}))
    (project.sources / "contract" / "schemas").symlink_to(tmp_path / "schemas")
    assert "contract/schemas/v1.schema.json" in names_in(build_shop(project))
