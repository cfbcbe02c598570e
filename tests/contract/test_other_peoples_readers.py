"""The contract by other people's code: the CloudEvents SDK, Ajv, the AsyncAPI parser."""

import json
from functools import cache

import pytest
import yaml
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator

from contract.contract_files import (
    ENVELOPE,
    SCHEMAS,
    example_paths,
    path_id,
    published_validator,
    read_json,
    read_registry,
    read_schema,
    schema_names,
)
from contract.node_tools import run
from customer_events.decoder import decode

EXAMPLES = example_paths()
REJECTED = example_paths("rejected")
CORE = {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}


def read_by_sdk(text: str) -> BaseCloudEvent:
    return JSONFormat().read(CloudEvent, text)


# The CloudEvents SDK


@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_the_cloudevents_sdk_reads_every_example_as_we_do(path):
    text = path.read_text(encoding="utf-8")
    theirs, ours = read_by_sdk(text), decode(text)
    assert theirs.get_id() == str(ours.event_id)
    assert theirs.get_source() == ours.source
    assert theirs.get_subject() == ours.customer_id
    assert theirs.get_time() == ours.occurred_at
    assert theirs.get_extension("sequence") == ours.sequence
    assert theirs.get_extension("partitionkey") == ours.customer_id
    assert theirs.get_extension("traceparent") == ours.traceparent
    assert theirs.get_data() == json.loads(text)["data"]


@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_what_the_cloudevents_sdk_writes_again_is_read_as_the_same_event(path):
    text = path.read_text(encoding="utf-8")
    assert decode(JSONFormat().write(read_by_sdk(text))) == decode(text)


def test_our_extensions_have_names_that_cloudevents_allows():
    names = set(read_schema(ENVELOPE)["properties"]) - CORE - {"data"}
    assert all(name.isascii() and name.isalnum() and name.islower() for name in names)
    assert all(len(name) <= 20 for name in names)


# Ajv


@cache
def ajv_verdicts() -> dict[tuple[str, str], bool]:
    """By file and schema: what Ajv says of each example and each rejected document."""
    questions = []
    for path in (*EXAMPLES, *REJECTED):
        document = read_json(path)
        document = document.get("document", document)
        questions.append((path, ENVELOPE, document))
        questions.append((path, path.parent.name, document.get("data")))
    verdicts = run(
        "validate.mjs",
        json.dumps(
            {
                "schemas": {name: read_schema(name) for name in schema_names()},
                "questions": [{"schema": name, "value": value} for _, name, value in questions],
            }
        ),
    )
    keys = [(str(path), name) for path, name, _ in questions]
    return dict(zip(keys, verdicts, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_ajv_accepts_every_example(path):
    verdicts = ajv_verdicts()
    assert verdicts[str(path), ENVELOPE]
    assert verdicts[str(path), path.parent.name]


@pytest.mark.slow
@pytest.mark.parametrize("path", REJECTED, ids=path_id)
def test_ajv_and_the_python_validator_agree_on_every_rejected_document(path):
    verdicts = ajv_verdicts()
    document = read_json(path)["document"]
    for name, value in ((ENVELOPE, document), (path.parent.name, document.get("data"))):
        assert verdicts[str(path), name] is published_validator(name).is_valid(value)


# AsyncAPI


def asyncapi_text() -> str:
    return (SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_asyncapi_parser_accepts_the_document_and_finds_all_of_it():
    found = run("parse_asyncapi.mjs", asyncapi_text())
    problems = [one for one in found["diagnostics"] if one["severity"] < 2]  # errors, warnings
    assert problems == []
    assert found["accepted"]
    registry = read_registry()
    assert "customerStatusChanged" in found["channels"]
    assert set(found["messages"]) >= {
        f"{registry['type']}.v{version['major']}" for version in registry["versions"]
    }
    assert set(found["operations"]) >= {
        "accounts-publisher.publishCustomerStatusChanged",
        "payments.receiveCustomerStatusChanged",
    }


@pytest.mark.slow
def test_the_asyncapi_parser_would_not_accept_anything():
    document = yaml.safe_load(asyncapi_text())
    del document["info"]["version"]
    found = run("parse_asyncapi.mjs", yaml.safe_dump(document))
    assert not found["accepted"]


@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_a_payload_in_the_asyncapi_document_accepts_exactly_the_examples_of_its_version(path):
    messages = yaml.safe_load(asyncapi_text())["components"]["messages"]
    version = path.parent.name.upper()
    accepting = {
        name
        for name, message in messages.items()
        if Draft202012Validator(message["payload"]).is_valid(read_json(path))
    }
    assert accepting == {f"CustomerStatusChanged{version}"}
