"""SSM parameters, as far as locks need them; and Lambda, as far as commands call functions."""

import io
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from simulation.calls import Calls


class ParametersClient:
    """As much of botocore's SSM client as the operators' locks use."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._values: dict[str, str] = {}

    def get_paginator(self, _: str) -> "ParametersClient":
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        def page() -> list[dict[str, str]]:
            return [
                {"Name": name, "Value": value}
                for name, value in sorted(self._values.items())
                if name.startswith(request["Path"] + "/")
            ]

        yield {"Parameters": self._calls.one("parameters", "GetParametersByPath", page)}

    def put_parameter(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            if not request["Overwrite"] and request["Name"] in self._values:
                raise ClientError({"Error": {"Code": "ParameterAlreadyExists"}}, "PutParameter")
            self._values[request["Name"]] = request["Value"]
            return {}

        return self._calls.one("parameters", "PutParameter", put)

    def delete_parameter(self, **request: Any) -> dict[str, Any]:
        def delete() -> dict[str, Any]:
            self._values.pop(request["Name"], None)
            return {}

        return self._calls.one("parameters", "DeleteParameter", delete)


class FunctionsClient:
    """As much of botocore's Lambda client as the commands use.

    `run` runs a function by its name with an event; None where it died.
    """

    def __init__(
        self, calls: Calls, run: Callable[[str, dict[str, Any]], dict[str, Any] | None]
    ) -> None:
        self._calls = calls
        self._run = run
        self.exceptions = SimpleNamespace(ResourceNotFoundException=_NoSuchFunction)

    def invoke(self, **request: Any) -> dict[str, Any]:
        def invoke() -> dict[str, Any]:
            name = request["FunctionName"]
            result = self._run(name, json.loads(request["Payload"]))
            if result is None:
                died = {"errorType": "Sandbox.Timedout"}
                return {
                    "FunctionError": "Unhandled",
                    "Payload": io.BytesIO(json.dumps(died).encode()),
                }
            return {"Payload": io.BytesIO(json.dumps(result).encode())}

        return self._calls.one("functions", "Invoke", invoke)


class _NoSuchFunction(Exception):
    pass
