"""What follows from the schemas is current, and says so when it is not."""

import shutil

import pytest

from contract.contract_files import SCHEMAS
from fanout.contract.generated import ENVELOPE, GENERATED, produce
from fanout.errors import Found
from sentinel.contract.folder import read_contract

ROOT = SCHEMAS.parent
FILES = [pytest.param(file, id=file.path.name) for file in GENERATED.values()]


@pytest.mark.parametrize("file", [*FILES, pytest.param(ENVELOPE, id="the envelope's types")])
def test_a_generated_file_follows_from_the_schemas(file):
    produce(file, read_contract(SCHEMAS), ROOT / file.path, check=True)


@pytest.mark.parametrize("file", FILES)
def test_a_change_of_the_registry_makes_a_generated_file_stale(file, tmp_path):
    shutil.copytree(SCHEMAS, tmp_path / "schemas")
    registry = tmp_path / "schemas" / "customer_status_changed" / "registry.yaml"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(text.replace("2027-06-30", "2027-09-30"), encoding="utf-8")
    with pytest.raises(Found, match="fanout schema generate"):
        produce(file, read_contract(tmp_path / "schemas"), ROOT / file.path, check=True)
