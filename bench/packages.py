"""How large the packages are: ours as it is built, the baseline's as `pip install -t` fills it."""

import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from bench.running import ROOT
from bench.sides import CONSUMER, PUBLISHER

from fanout.packaging.build import build_package

SERVICES = {PUBLISHER: "publisher", CONSUMER: "payments_consumer"}
_BASELINE = (
    *("aws-lambda-powertools", "pydantic", "pydantic-core", "annotated-types"),
    *("typing-extensions", "typing-inspection", "jmespath"),
    *("boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3"),
)


def build(which: str, folder: Path) -> Path:
    """Our package, for this machine."""
    return build_package(SERVICES[which], output=folder).path


def baseline_size_bytes(folder: Path) -> int:
    """The baseline's zip, without compiled files; the same for both of its functions."""
    path = folder / "baseline.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in _BASELINE:
            for file, within in _files(distribution(name)):
                archive.write(file, within)
        for file in (ROOT / "bench" / "baseline").glob("*.py"):
            archive.write(file, file.name)
    return path.stat().st_size


def site_packages() -> Path:
    """Where this environment's packages are."""
    return Path(str(distribution("botocore").locate_file("")))


# Private functions


def _files(found: Distribution) -> Iterator[tuple[Path, str]]:
    for file in found.files or ():
        path = Path(str(found.locate_file(file)))
        within = str(file)
        if ".." not in within and "__pycache__" not in within and path.is_file():
            yield path, within
