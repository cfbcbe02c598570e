import importlib.util
import json
import marshal
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from fanout.errors import Refused, WrongUse
from fanout.packaging import build, dependencies
from fanout.packaging.build import build_package, here


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


def test_a_second_build_reads_dependencies_anew_only_for_another_lock(
    small_clone, build_shop, capsys
):
    project = small_clone()
    first = build_shop(project)
    assert capsys.readouterr().err == "Installing and compiling the dependencies in shop.txt.\n"
    assert build_shop(project).sha256 == first.sha256
    assert capsys.readouterr().err == ""
    project.lock("shop").write_text(project.lock("shop").read_text() + "\n")
    build_shop(project)
    assert "dependencies in shop.txt" in capsys.readouterr().err


def test_a_package_of_the_same_sources_is_taken_from_the_last_build(
    small_clone, build_shop, monkeypatch
):
    project = small_clone()
    first = build_shop(project)
    with monkeypatch.context() as patch:
        patch.setattr(build, "zipped", None)
        assert replace(build_shop(project, "again"), path=first.path) == first
    (project.sources / "contract" / "prices.json").write_text('{"apple": 4}')
    changed = build_shop(project)
    assert changed.sha256 != first.sha256
    [kept] = project.cache.glob("*.zip")
    assert kept.read_bytes() == changed.path.read_bytes()


def test_an_output_or_a_cache_that_is_no_folder_gets_one_sentence(small_clone, tmp_path):
    project, file = small_clone(), tmp_path / "file"
    file.write_text("")
    with pytest.raises(Refused, match=r"can't be written .* or name another with --output"):
        build_package("shop", output=file, project=project)
    (project.root / "build").write_text("")
    with pytest.raises(Refused, match=r"build/packages can't be written .* make it writable"):
        build_package("shop", output=tmp_path, project=project)


def test_a_build_that_fails_leaves_the_package_before(small_clone, build_shop):
    project = small_clone()
    path = build_shop(project).path
    whole = path.read_bytes()
    (project.sources / "shop" / "bootstrap.py").write_text("import nowhere\n")
    with pytest.raises(Refused, match="does not start"):
        build_shop(project)
    assert path.read_bytes() == whole
    assert list(path.parent.iterdir()) == [path]


def test_every_source_has_a_compiled_file_never_checked_naming_its_path_on_lambda(
    small_clone, build_shop, unpack
):
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
        code = marshal.loads(compiled[16:])
        assert code.co_filename == f"/var/task/{source.relative_to(folder)}"
    assert sources


def test_a_file_that_differs_between_processors_is_refused(small_clone, tmp_path, monkeypatch):
    def stage(lock, *, platform, **_):
        (tmp_path / platform).mkdir()
        (tmp_path / platform / "pip.so").write_text(platform)
        return tmp_path / platform

    monkeypatch.setattr(dependencies, "stage", stage)
    with pytest.raises(Refused, match=r"pip\.so differs between arm64 and x86_64.*--arch x86_64"):
        build_package(
            "shop",
            output=tmp_path,
            arch="both",
            python_version=dependencies.running_version(),
            project=small_clone(),
        )


def test_what_sam_build_runs_needs_no_distribution_to_tell_what_is_wrong(tmp_path):
    done = subprocess.run(
        [sys.executable, "-S", "-m", "fanout.packaging.sam_build", "fraud", str(tmp_path)],
        env={"PYTHONPATH": str(here().sources)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(
        "No service 'fraud'; known: payments_consumer, publisher, sentinel."
    )


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


def test_an_unknown_service_names_the_known_ones(small_clone, tmp_path):
    with pytest.raises(WrongUse, match="No service 'fraud'; known: other, shop"):
        build_package("fraud", output=tmp_path, project=small_clone())


def test_a_service_is_known_by_its_entry_and_its_lock_alone(small_clone):
    project = small_clone(**{"fraud/lambda_entry.py": ""})
    assert project.services() == ("other", "shop")
    project.lock("fraud").write_text("")
    assert project.services() == ("fraud", "other", "shop")


def test_linked_data_folders_ship_with_their_package(small_clone, build_shop, tmp_path):
    project = small_clone()
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "v1.schema.json").write_text(json.dumps({"type": "object"}))
    (project.sources / "contract" / "schemas").symlink_to(tmp_path / "schemas")
    assert "contract/schemas/v1.schema.json" in names_in(build_shop(project))
