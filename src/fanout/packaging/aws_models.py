"""Cut botocore's data down to the AWS services that a service talks to.

botocore ships a description of every AWS service; two or three of them are used. Which ones is read
from the sources: a service's name stands there as a string that is given to a function with
`client` in its name, since `create_client` needs it.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

DATA: Final = "botocore/data/"
_ENDPOINTS: Final = f"{DATA}endpoints.json"
_SHARED: Final = frozenset(
    f"{DATA}{name}"
    for name in (
        "endpoints.json",
        "partitions.json",
        "_retry.json",
        "sdk-default-configuration.json",
    )
)
_DATA_FILE_DEPTH: Final = 5  # botocore / data / service / version / file


def known_services(names: Iterable[str]) -> frozenset[str]:
    """The AWS services that this botocore describes, from the names of its files."""
    parts = (name.split("/") for name in names if name.startswith(DATA))
    return frozenset(path[2] for path in parts if len(path) == _DATA_FILE_DEPTH)


def keep(names: Iterable[str], services: frozenset[str]) -> set[str]:
    """The data files that clients of `services` read: the newest version, without its examples."""
    versions: dict[str, set[str]] = defaultdict(set)
    data = [name for name in names if name.startswith(DATA)]
    for name in data:
        parts = name.split("/")
        if len(parts) == _DATA_FILE_DEPTH and parts[2] in services:
            versions[parts[2]].add(parts[3])
    newest = tuple(f"{DATA}{service}/{max(found)}/" for service, found in versions.items())
    return {
        name
        for name in data
        if name in _SHARED or (name.startswith(newest) and "/examples-" not in name)
    }


def cut_endpoints(contents: Mapping[str, bytes], services: frozenset[str]) -> dict[str, bytes]:
    """The contents with `endpoints.json` reduced to the services; parsing it whole costs 16 ms."""
    if _ENDPOINTS not in contents:
        return dict(contents)
    prefixes = set(services) | {
        _endpoint_prefix(name, content)
        for name, content in contents.items()
        if name.startswith(DATA) and "/service-2.json" in name
    }
    endpoints = json.loads(contents[_ENDPOINTS])
    for partition in endpoints["partitions"]:
        described = partition["services"]
        partition["services"] = {name: described[name] for name in described if name in prefixes}
    reduced = json.dumps(endpoints, separators=(",", ":"), sort_keys=True).encode()
    return {**contents, _ENDPOINTS: reduced}


# Private functions


def _endpoint_prefix(name: str, content: bytes) -> str:
    plain = gzip.decompress(content) if name.endswith(".gz") else content
    model: dict[str, Any] = json.loads(plain)
    return str(model["metadata"]["endpointPrefix"])
