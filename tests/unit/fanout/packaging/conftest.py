"""A small clone with one service, and an interpreter that sees nothing but a package."""

import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from fanout.packaging.build import BuiltPackage, Project, build_package

SOURCES = {
    "shop/__init__.py": "",
    "shop/lambda_entry.py": "from shop import bootstrap\nlambda_handler = bootstrap.build()\n",
    "shop/bootstrap.py": (
        "from pathlib import Path\n"
        "import jmespath\n"
        "from contract import prices\n"
        "def build():\n"
        "    text = Path(prices.__file__).with_name('prices.json').read_text()\n"
        "    return jmespath.search('apple', __import__('json').loads(text))\n"
    ),
    "contract/__init__.py": "",
    "contract/prices.py": "LIST = 1\n",
    "contract/prices.json": '{"apple": 3}',
    "contract/unused.py": "LIST = 2\n",
    "contract/py.typed": "",
    "contract/README.md": "# Prices\n",
    "other/__init__.py": "",
    "other/lambda_entry.py": "lambda_handler = None\n",
}


@pytest.fixture
def small_clone(tmp_path) -> Callable[..., Project]:
    """Call it with a folder name, to have the same clone in another place."""

    def make(folder: str = "clone", **changed: str) -> Project:
        project = Project(root=tmp_path / folder)
        for name, text in {**SOURCES, **changed}.items():
            path = project.sources / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        project.lock("shop").parent.mkdir(exist_ok=True)
        project.lock("shop").write_text(f"jmespath=={version('jmespath')}\n")
        project.lock("other").write_text("")
        return project

    return make


@pytest.fixture
def build_shop(tmp_path) -> Callable[..., BuiltPackage]:
    def run(project: Project, output: str = "dist") -> BuiltPackage:
        return build_package("shop", output=tmp_path / output, project=project)

    return run


@pytest.fixture
def unpack(tmp_path) -> Callable[[Path], Path]:
    def run(path: Path) -> Path:
        folder = tmp_path / "unpacked"
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        return folder

    return run
