"""The real services' packages: what is in them, that they start alone, and how big they are."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fanout.cli import app
from fanout.packaging import dependencies
from fanout.packaging.build import Project, build_package, here
from fanout.packaging.dependencies import running_version

pytestmark = pytest.mark.slow

SERVICES = here().services()
CALLED = {
    "publisher": {"events", "s3", "sns"},
    "sentinel": {
        *("cloudwatch", "dynamodb", "events", "iam", "lambda", "pipes", "s3", "sns", "sqs", "ssm"),
    },
}
"""The AWS services that a package calls; a consumer's are others."""
of_one_service = pytest.mark.parametrize("service", ["payments_consumer"], indirect=True)
ACCOUNT = "eu-west-1:123456789012"
ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_LAMBDA_FUNCTION_NAME": "package-test",
    "POWERTOOLS_SERVICE_NAME": "package-test",
    "POWERTOOLS_METRICS_NAMESPACE": "CustomerStatusFanout",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "BUS_ARN": f"arn:aws:sns:{ACCOUNT}:events",
    "FAILURE_BUCKET": "failures",
    "EVENT_SOURCE": "urn:novapay:accounts",
    "PUBLISH_VERSIONS": "1,2",
    "CUSTOMER_ID_ATTRIBUTE": "customer_id",
    "STATUS_ATTRIBUTE": "status",
    "SEQUENCE_EPOCH": "1",
    "MESSAGE_SIZE_MAX_BYTES": "262144",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/queue",
    "DLQ_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dlq",
    "TABLE_NAME": "table",
    "CONSUMER_NAME": "payments",
    "DEPLOYMENT": "fanout",
}
ALWAYS_NEEDED = {"botocore", "aws_lambda_powertools"}  # every service imports these two
NAIVE = ("boto3", "s3transfer", "botocore", "jmespath", "python-dateutil", "six", "urllib3")
NAIVE += ("aws-lambda-powertools", "pydantic", "pydantic-core", "typing-extensions")
NAIVE += ("typing-inspection", "annotated-types")
IMPORT_ALL = """
import importlib, json, sys
failed = {}
for name in json.loads(sys.stdin.read()):
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = type(error).__name__ + ": " + str(error)
print(json.dumps(failed))
"""


def test_make_package_without_the_target_python_fails_with_one_sentence(tmp_path):
    other = "3.14" if dependencies.running_version() == "3.13" else "3.13"
    tmp_path.joinpath("sh").symlink_to(shutil.which("sh"))
    done = subprocess.run(
        [
            shutil.which("make"),
            "--silent",
            "--assume-old=.venv/local.stamp",
            "package",
            f"BIN={Path(sys.executable).parent}",
            f"PACKAGE=--arch arm64 --python-version {other} --output {tmp_path}",
        ],
        cwd=here().root,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    progress, sentence, of_make = done.stderr.splitlines()
    assert progress.startswith("Packaging ")
    assert sentence == (
        f"fanout: No working python{other} on the PATH, which compiles the package: install it, "
        "or name another with --python-version."
    )
    assert of_make.endswith("Error 3")
    assert list(tmp_path.glob("*.zip")) == []


def run_isolated(folder, code, stdin=""):
    """Run code in an interpreter that sees the standard library and one folder."""
    script = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script],
        input=stdin,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


def start(folder, service):
    return run_isolated(
        folder, f"import {service}.lambda_entry as m; print(callable(m.lambda_handler))"
    )


@pytest.fixture(scope="module", params=SERVICES)
def service(request):
    return request.param


@pytest.fixture(scope="module")
def package(service, tmp_path_factory):
    return build_package(service, output=tmp_path_factory.mktemp("dist")).path


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def test_every_service_can_be_packaged():
    assert {"publisher", "payments_consumer", "sentinel"} <= set(SERVICES)


def test_a_package_starts_in_an_interpreter_that_sees_nothing_else(unpacked, service):
    answer = start(unpacked, service)
    assert (answer.returncode, answer.stdout) == (0, "True\n"), answer.stderr


@pytest.mark.parametrize("missing", sorted(ALWAYS_NEEDED))
def test_a_package_without_a_dependency_does_not_start(unpacked, service, missing, tmp_path):
    (unpacked / missing).rename(tmp_path / missing)
    answer = start(unpacked, service)
    (tmp_path / missing).rename(unpacked / missing)
    assert answer.returncode != 0
    assert f"No module named '{missing}" in answer.stderr


def test_only_first_party_packages_that_the_service_imports_are_in_it(unpacked, service):
    own = {path.name for path in here().sources.iterdir() if (unpacked / path.name).is_dir()}
    assert service in own
    assert "fanout" not in own
    # The sentinel reads items of Accounts as the publisher does.
    assert own.isdisjoint(set(SERVICES) - {service, "publisher" if service == "sentinel" else ""})
    assert (unpacked / "schemas").is_dir() is (service == "sentinel")


def test_botocore_describes_only_the_services_that_are_called(unpacked, service):
    described = {path.name for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()}
    assert described == CALLED.get(service, {"sqs", "dynamodb"})


@of_one_service
def test_every_dependency_module_kept_imports_as_it_does_with_nothing_left_out(
    unpacked, service, tmp_path
):
    whole = tmp_path / "whole"
    assert dependencies.copy_installed(here().lock(service), whole, set())
    files = [path.relative_to(whole).as_posix() for path in whole.rglob("*.py")]
    kept = [name for name in files if (unpacked / name).is_file()]
    modules = json.dumps([_module_name(name) for name in sorted(kept)])
    answers = {
        folder: run_isolated(folder, IMPORT_ALL, modules).stdout.replace(str(folder), "")
        for folder in (unpacked, whole)
    }
    with_package, with_all = (json.loads(text.splitlines()[-1]) for text in answers.values())
    assert with_package == with_all


def test_every_source_has_its_compiled_file_and_no_file_names_this_machine(unpacked):
    for source in unpacked.rglob("*.py"):
        tag = sys.implementation.cache_tag
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert compiled.is_file()
        assert str(here().root).encode() not in compiled.read_bytes()


@cache
def naive_size_bytes():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAIVE:
            found = distribution(name)
            for file in found.files:
                if ".." not in file.parts and file.suffix != ".pyc" and file.locate().is_file():
                    archive.write(file.locate(), file.as_posix())
    return len(packed.getvalue())


def test_a_package_is_less_than_half_of_a_naive_one(package):
    assert package.stat().st_size <= 0.45 * naive_size_bytes()


@of_one_service
def test_a_clone_elsewhere_with_an_empty_cache_builds_the_same_bytes(package, service, tmp_path):
    elsewhere = tmp_path / "another" / "clone"
    root = here().root
    for folder in ("src", "requirements", "schemas"):
        if (root / folder).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(root / folder, elsewhere / folder, symlinks=True, ignore=ignored)
    project = Project(root=elsewhere)
    again = build_package(service, output=tmp_path / "dist", project=project)
    assert again.path.read_bytes() == package.read_bytes()


@of_one_service
def test_a_package_for_both_processors_adds_the_others_native_modules_to_arm64s(service, tmp_path):
    def files(arch):
        built = build_package(service, arch=arch, python_version=running_version(), output=tmp_path)
        assert built.path.name == f"{service}-{arch}.zip"
        with zipfile.ZipFile(built.path) as archive:
            return {entry.filename: entry.CRC for entry in archive.infolist()}

    arm64, both = files("arm64"), files("both")
    native = {name for name in arm64 if name.endswith(".so")}
    added = both.keys() - arm64.keys()
    assert native
    assert all("aarch64" in Path(name).name for name in native)
    assert len(added) == len(native)
    assert all("x86_64" in Path(name).name for name in added)
    assert arm64.items() <= both.items()


@of_one_service
def test_the_command_prints_one_json_document_with_the_facts(service, tmp_path):
    arguments = ["package", "--service", service, "--output", str(tmp_path), "--json"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.stderr
    (facts,) = json.loads(answer.stdout)
    path = tmp_path / f"{service}-local.zip"
    assert facts["path"] == str(path)
    assert facts["size_bytes"] == path.stat().st_size
    assert (facts["service"], facts["arch"]) == (service, "local")
    assert f"Packaging {service} for local" in answer.stderr


def _module_name(name):
    return name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
