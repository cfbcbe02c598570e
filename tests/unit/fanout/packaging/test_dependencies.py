import base64
import hashlib
import json
import shutil
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.regions import EndpointResolver

from fanout.errors import Refused, WrongUse
from fanout.packaging import dependencies
from fanout.packaging.dependencies import find_interpreter, running_version, stage

SITE = Path(str(distribution("botocore").locate_file("")))
HERE = find_interpreter(running_version())


def staged(lock, folder, platform=None):
    (folder / "cache").mkdir(exist_ok=True)
    return stage(lock, platform=platform, interpreter=HERE, cache=folder / "cache")


@pytest.fixture
def shop(tmp_path):
    """Write a lock and the services that its package calls."""

    def write(lines, services="# botocore services: dynamodb sqs\n"):
        (tmp_path / "shop.in").write_text(services)
        (tmp_path / "shop.txt").write_text(lines)
        return tmp_path / "shop.txt"

    return write


@pytest.fixture
def botocore_alone(shop):
    return shop(f"botocore=={distribution('botocore').version}\n")


@pytest.mark.slow
def test_botocore_keeps_the_stated_services_and_the_same_endpoints(botocore_alone, tmp_path):
    data = staged(botocore_alone, tmp_path) / "botocore" / "data"
    assert {path.name for path in data.iterdir()} == {
        *("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json"),
        *("dynamodb", "sqs"),
    }
    whole, cut = (
        json.loads((folder / "endpoints.json").read_bytes())
        for folder in (SITE / "botocore" / "data", data)
    )
    regions = [region for partition in whole["partitions"] for region in partition["regions"]]
    for prefix in ("sqs", "dynamodb"):
        for region in [*regions, "aws-global", "eu-future-9"]:
            expected = EndpointResolver(whole).construct_endpoint(prefix, region)
            assert EndpointResolver(cut).construct_endpoint(prefix, region) == expected


@pytest.mark.parametrize(
    ("services", "says"),
    [
        ("", r"shop\.in has to state which AWS services are called"),
        ("# botocore services: sqs sqz\n", "unknown: {'sqz'}"),
    ],
)
def test_services_that_are_not_stated_or_not_known_are_named(
    tmp_path, shop, services, says, monkeypatch
):
    def copy_one_service(_lock, into, _services):
        return shutil.copytree(SITE / "botocore/data/sqs", into / "botocore/data/sqs")

    monkeypatch.setattr(dependencies, "copy_installed", copy_one_service)
    with pytest.raises(WrongUse, match=says):
        staged(shop("", services), tmp_path)


@pytest.mark.parametrize("version", ["3.99", "2.7"])
def test_a_missing_target_python_is_an_error(version):
    with pytest.raises(Refused, match=rf"No working python{version} on the PATH"):
        find_interpreter(version)


def test_an_interpreter_on_the_path_that_does_not_run_is_an_error(tmp_path, monkeypatch):
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match=r"No working python3\.99"):
        find_interpreter("3.99")


# Wheels, from a folder in place of the package index


def write_wheel(folder):
    folder.mkdir(exist_ok=True)
    path = folder / "plum_preserves-1.0-py3-none-any.whl"
    info = "plum_preserves-1.0.dist-info"
    contents = {
        "plum/__init__.py": "SWEET = True\n",
        "plum/stone.pyi": "",
        "plum/jam.txt": "jam",
        "plum/tests/__init__.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: plum-preserves\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in contents.items():
            wheel.writestr(name, text)
        lines = "".join(f"{name},{_hash(text)},{len(text)}\n" for name, text in contents.items())
        wheel.writestr(f"{info}/RECORD", lines + f"{info}/RECORD,,\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash(text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return "sha256=" + digest.rstrip(b"=").decode()


@pytest.fixture
def plum(tmp_path, shop, monkeypatch):
    """A lock of the one wheel in a folder; call it with another hash or version."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    sha256 = write_wheel(tmp_path / "wheels")
    return lambda sha256=sha256, version="1.0": shop(
        f"plum-preserves=={version} \\\n    --hash=sha256:{sha256}\n", services=""
    )


@pytest.mark.slow
@pytest.mark.parametrize("platform", [None, "manylinux2014_aarch64"])
def test_wheels_are_installed_once_without_what_lambda_never_reads(
    plum, tmp_path, platform, monkeypatch
):
    folder = staged(plum(), tmp_path, platform)
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"__init__.py", "jam.txt"} <= names
    assert not [name for name in names if name.endswith((".pyi", "METADATA"))]
    assert not (folder / "plum" / "tests").exists()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    assert staged(plum(), tmp_path, platform) == folder


@pytest.mark.slow
def test_a_hash_that_differs_builds_nothing_and_names_the_lock(plum, tmp_path):
    with pytest.raises(Refused, match=r"does not have the hash that shop\.txt demands"):
        staged(plum("0" * 64), tmp_path, "manylinux2014_aarch64")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.slow
def test_a_wheel_that_cannot_be_had_is_named_with_a_hint(plum, tmp_path):
    says = r"is the package index reachable\?.* for plum-preserves==2\.0"
    with pytest.raises(Refused, match=says):
        staged(plum(version="2.0"), tmp_path, "manylinux2014_aarch64")


def test_where_pip_itself_is_missing_its_words_are_shown(tmp_path, shop, monkeypatch):
    missing = SimpleNamespace(returncode=1, stdout="", stderr="python: No module named pip\n")
    monkeypatch.setattr(dependencies.subprocess, "run", lambda *_, **__: missing)
    with pytest.raises(Refused, match=r"pip says: python: No module named pip$"):
        staged(shop("six==0.1\n"), tmp_path)


@pytest.mark.parametrize("line", ["six>=1.17", "git+https://example.com/six", "-r more.txt"])
def test_a_line_that_pins_no_exact_version_is_named(tmp_path, shop, line):
    with pytest.raises(WrongUse, match=r"shop\.txt pins no exact version"):
        staged(shop(f"jmespath=={distribution('jmespath').version}\n{line}\n"), tmp_path)


def test_what_is_installed_in_the_locked_version_is_copied(tmp_path, shop, monkeypatch):
    monkeypatch.setattr(dependencies, "_install", None)
    lock = shop(f"six=={distribution('six').version}\n", services="")
    assert (staged(lock, tmp_path) / "six.py").read_bytes() == (SITE / "six.py").read_bytes()
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(TypeError):  # it would be installed
        staged(shop("six==0.1\n", services=""), tmp_path)


def test_locks_that_differ_in_their_comments_share_what_was_built(tmp_path, shop):
    lock = f"six=={distribution('six').version}\n"
    first = staged(shop(f"{lock}    # via -r shop.in\n", services=""), tmp_path)
    assert staged(shop(f"{lock}    # via -r kiosk.in\n", services=""), tmp_path) == first
