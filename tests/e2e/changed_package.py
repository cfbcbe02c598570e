"""A Lambda package with more modules in it, such as another release of the consumer."""

import io
import zipfile
from pathlib import Path

from fanout.local.state_folder import StateFolder

HERE = Path(__file__).parent
EARLIER, ORDERED = HERE / "earlier_release.py", HERE / "ordered_subscriber.py"
EARLIER_HANDLER = "earlier_release.lambda_handler"


def deployed_package(deployment):
    """The consumer's, as `fanout local` has deployed it."""
    folder = StateFolder(Path(deployment.state_dir))
    [package] = folder.packages.glob("payments_consumer-*.zip")
    return package.read_bytes()


def with_modules(package, *modules):
    archive = io.BytesIO(package)
    with zipfile.ZipFile(archive, "a") as file:
        for module in modules:
            file.write(module, module.name)
    return archive.getvalue()
