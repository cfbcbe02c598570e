"""Everything that is done differently because of a fault of the emulator, in one place.

Each entry names the emulator's version and the fault, and `tests/e2e/test_local_shims.py` holds a
test of the fault itself: once that test fails, the fault is gone and the entry with it.
"""

import copy
from collections.abc import Mapping
from typing import Any

EMULATOR_VERSION = "1.5.33"

STREAM_MAPPING_DISABLED: Mapping[str, str] = {"StreamMappingEnabled": "false"}
"""MiniStack 1.5.33: its stream event source mapping ignores `batchItemFailures` (the records are
lost), retries an exception for ever, never bisects and never uses the on-failure destination. The
template's mapping is deployed disabled, and `stream_poller` follows its settings instead."""

UNKNOWN_RESOURCE_TYPES: Mapping[str, str] = {}
"""Resource types that MiniStack's CloudFormation does not know, each with what is lost by leaving
it out. Only resources that nothing else refers to may be listed."""


def without_unknown_types(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template less the resources that the emulator would refuse; the input stays as it is."""
    result = copy.deepcopy(dict(template))
    result["Resources"] = {
        name: resource
        for name, resource in result["Resources"].items()
        if resource["Type"] not in UNKNOWN_RESOURCE_TYPES
    }
    return result
