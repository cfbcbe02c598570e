"""`fanout package`: build the Lambda packages."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fanout.console import ERR, OUT, Json, option, print_json, table, working
from fanout.packaging.build import build_package, here


def package(
    service: Annotated[
        list[str] | None, option("A service to package; repeatable; all if left out.")
    ] = None,
    arch: Annotated[
        str, option("local (this machine), or arm64, x86_64 or both (Lambda).")
    ] = "local",
    python_version: Annotated[
        str | None, option("Lambda's Python, such as 3.13; local packages use the running one.")
    ] = None,
    output: Annotated[Path, option("Folder for the packages.")] = Path("dist"),
    as_json: Json = False,
) -> None:
    """Build the Lambda packages, reproducibly, with only what each service imports."""
    project = here()
    names = list(dict.fromkeys(service or project.services()))
    for name in names:
        project.require(name)
    built = []
    for name in names:
        ERR.print(f"Packaging {name} for {arch}.", markup=False)
        with working(f"packaging {name}"):
            built.append(
                build_package(name, output=output, arch=arch, python_version=python_version)
            )
    if as_json:
        print_json([asdict(package) for package in built])
        return
    shown = table("Packages", "package", "MB", "MB unzipped", "sha256")
    for package in built:
        size, unzipped = (
            f"{count / 1e6:.2f}" for count in (package.size_bytes, package.unzipped_bytes)
        )
        shown.add_row(str(package.path), size, unzipped, package.sha256[:16])
    OUT.print(shown)
