import base64
import hashlib
import zipfile

import pytest

from fanout.errors import Refused
from fanout.packaging import dependencies, distributions
from fanout.packaging.distributions import InstalledFile
from fanout.packaging.lock import Locked
from fanout.packaging.target import choose

PLUM = Locked(name="plum-preserves", version="1.0", conditional=False)


def record(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def write_wheel(folder, content=b"SWEET = True\n"):
    folder.mkdir(exist_ok=True)
    path = folder / "plum_preserves-1.0-py3-none-any.whl"
    info = "plum_preserves-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("plum/__init__.py", content)
        wheel.writestr("plum/stone.pyi", "")
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: plum-preserves\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        names = (
            "plum/__init__.py",
            "plum/stone.pyi",
            f"{info}/METADATA",
            f"{info}/WHEEL",
            f"{info}/RECORD",
        )
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels instead of the network; the sha256 of the one wheel in it."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return write_wheel(tmp_path / "wheels")


@pytest.fixture
def lock(tmp_path):
    def write(sha256):
        path = tmp_path / "shop.txt"
        path.write_text(f"plum-preserves==1.0 \\\n    --hash=sha256:{sha256}\n")
        return path

    return write


def test_what_is_not_installed_is_not_taken_from_here():
    assert distributions.installed_here([PLUM]) is None


def test_another_version_than_the_locked_one_is_not_taken_from_here():
    assert (
        distributions.installed_here([Locked(name="six", version="0.1", conditional=False)]) is None
    )


def test_a_file_changed_after_its_installation_is_noticed(tmp_path):
    path = tmp_path / "six.py"
    path.write_bytes(b"as released")
    file = InstalledFile(
        distribution="six", name="six.py", path=path, sha256=record(b"as released")
    )
    assert distributions.are_intact([file])
    path.write_bytes(b"edited")
    assert not distributions.are_intact([file])
    path.unlink()
    assert not distributions.are_intact([file])


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["local", "arm64"])
def test_wheels_are_downloaded_once_and_then_served_offline(
    index, lock, tmp_path, arch, monkeypatch
):
    path, target, said = lock(index), choose(arch, None), []
    first = distributions.downloaded(path, target, tmp_path / "cache", said.append)
    assert "plum/__init__.py" in {file.name for file in first}
    assert len(said) == 1
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    again = distributions.downloaded(path, target, tmp_path / "cache", said.append)
    assert {file.name for file in again} == {file.name for file in first}
    assert len(said) == 1


@pytest.mark.slow
def test_a_hash_that_differs_builds_nothing_and_names_the_lock(index, lock, tmp_path):
    with pytest.raises(Refused, match=r"does not have the hash that shop\.txt demands"):
        distributions.downloaded(lock("0" * 64), choose("arm64", None), tmp_path / "cache", print)
    assert not list((tmp_path / "cache" / "wheels").iterdir())


@pytest.mark.slow
def test_no_network_says_what_is_missing_and_what_to_do(index, lock, tmp_path, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "none"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(Refused, match=r"can't be reached.*connect once, then builds work offline"):
        distributions.downloaded(lock(index), choose("arm64", None), tmp_path / "cache", print)


@pytest.mark.slow
def test_a_version_that_does_not_exist_is_told_in_pips_words(index, lock, tmp_path):
    path = lock(index)
    path.write_text(path.read_text().replace("==1.0", "==2.0"))
    with pytest.raises(Refused, match=r"No matching distribution found for plum-preserves==2\.0"):
        distributions.downloaded(path, choose("arm64", None), tmp_path / "cache", print)


def test_data_tests_stubs_and_metadata_are_kept_only_where_they_are_used(tmp_path):
    sources = {
        "plum/__init__.py": "import importlib.metadata\nNAME = 'plum-preserves'\n",
        "plum/jam.txt": "",
        "plum/pear/__init__.py": "",
        "plum/pear/pear.txt": "",
        "plum/tests/__init__.py": "",
        "plum_preserves.libs/libplum.so.1": "",
        "plum_preserves-1.0.dist-info/METADATA": "",
        "apple-1.0.dist-info/METADATA": "",
    }
    files = []
    for name, text in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        owner = "apple" if name.startswith("apple") else "plum-preserves"
        files.append(InstalledFile(distribution=owner, name=name, path=path, sha256=None))
    kept = {file.name for file in dependencies.select(files, ["plum", "plum.tests"], frozenset())}
    assert kept == {
        "plum/__init__.py",
        "plum/jam.txt",
        "plum_preserves.libs/libplum.so.1",
        "plum_preserves-1.0.dist-info/METADATA",
    }
