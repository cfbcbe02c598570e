"""What `sam build` runs for a function: the package, unpacked. It needs only Python and pip.

Usage: python -m fanout.packaging.sam_build SERVICE FOLDER
"""

import sys
import tempfile
import zipfile
from contextlib import redirect_stderr
from pathlib import Path

from fanout.errors import CommandError
from fanout.packaging.build import build_package
from fanout.packaging.dependencies import running_version


def main(service: str, folder: str) -> None:
    """Fill the folder with the package for this Python, on either of Lambda's processors."""
    with tempfile.TemporaryDirectory(prefix="fanout-sam-") as output:
        # SAM repeats standard error where a build fails: an error is then one sentence.
        with redirect_stderr(sys.stdout):
            package = build_package(
                service, output=Path(output), arch="both", python_version=running_version()
            )
        with zipfile.ZipFile(package.path) as archive:
            archive.extractall(folder)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except CommandError as error:
        sys.exit(str(error))
