import pytest

from fanout.contract.folder import parse_registry
from fanout.errors import WrongUse


def registry(schema):
    return f"versions: [{{major: 1, schema: {schema}}}]"


def test_a_version_names_its_schema_as_a_file_beside_the_registry():
    found = parse_registry(registry("v1.schema.json"), "registry.yaml")
    assert found["versions"] == [{"major": 1, "schema": "v1.schema.json"}]


@pytest.mark.parametrize(
    "schema",
    ["../v1.schema.json", "/v1.schema.json", "..", "''", "5", "[x]", "x" * 101],
    ids=lambda schema: schema[:20],
)
def test_anything_else_is_refused_in_one_short_sentence(schema):
    with pytest.raises(WrongUse, match="the name of a file beside it") as refused:
        parse_registry(registry(schema), "registry.yaml")
    assert len(str(refused.value)) < 200
