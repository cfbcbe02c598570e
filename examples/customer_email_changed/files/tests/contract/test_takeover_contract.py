"""What Takeover reads of `CustomerEmailChanged`, and what it refuses: as the schemas say."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from contract.contract_files import SCHEMAS, read_json
from customer_events.errors import PermanentError
from customer_events.registry import load
from event_consumer.other_events.customer_email_changed import from_document

FOLDER = SCHEMAS / "customer_email_changed"
ENVELOPE = Draft202012Validator(read_json(SCHEMAS / "envelope.schema.json"))
DATA = Draft202012Validator(read_json(FOLDER / "v1.schema.json"))


def documents(kind):
    return [pytest.param(path, id=path.stem) for path in sorted((FOLDER / kind / "v1").iterdir())]


def is_valid(document):
    return ENVELOPE.is_valid(document) and DATA.is_valid(document["data"])


@pytest.mark.parametrize("path", documents("examples"))
def test_every_example_is_read_and_valid(path: Path):
    document = json.loads(path.read_text())
    assert from_document(document).change == document["data"]["change"]
    assert is_valid(document)


@pytest.mark.parametrize("path", documents("rejected"))
def test_what_breaks_the_contract_is_refused(path: Path):
    document = json.loads(path.read_text())
    assert not is_valid(document)
    with pytest.raises(PermanentError) as refused:
        from_document(document)
    assert refused.value.field == f"data.{path.stem.rpartition('_')[0]}"


def test_the_data_of_another_customer_than_the_envelope_names_is_refused():
    document = json.loads((FOLDER / "examples/v1/changed.json").read_text())
    with pytest.raises(PermanentError) as refused:
        from_document(document | {"subject": "C-2", "partitionkey": "C-2"})
    assert refused.value.field == "data.customer_id"


def test_the_version_that_accounts_publishes_now_is_read():
    assert load("CustomerEmailChanged").current == 1
