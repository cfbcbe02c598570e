"""Encode a large parameter faster than botocore, which walks its model for each value in it."""

from collections.abc import Callable
from typing import Any


class ParameterEncoder:
    """Keeps a parameter from botocore's serializer, and adds it to the body before that is signed.

    Only once botocore's own body of a call was seen to be the same: until then, so at least for the
    first call, what leaves is botocore's own encoding.

    Args:
        name: of the parameter.
        agrees: whether botocore's body of a whole call holds the value as `encode` would write it.
        encode: makes a body of botocore's without the parameter, and of its value; None where
            botocore's is not as expected.
    """

    def __init__(
        self, name: str, agrees: Callable[..., bool], encode: Callable[..., bytes | None]
    ) -> None:
        self._name, self._agrees, self._encode = name, agrees, encode
        self._trusted = False

    def register(self, events: Any, operation: str) -> None:
        """Join a client that checks no parameters, for an operation such as `sns.PublishBatch`."""
        events.register(f"before-parameter-build.{operation}", self._keep_back)
        events.register(f"before-call.{operation}", self._add)

    # Private functions

    def _keep_back(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[self._name] = params[self._name], self._trusted
        if self._trusted:
            del params[self._name]

    def _add(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        value, kept_back = context.pop(self._name)
        if not kept_back:
            self._trusted = self._agrees(params["body"], value)
        elif body := self._encode(params["body"], value):
            params["body"] = body
        else:
            self._trusted = False
            raise RuntimeError(f"expected a body without {self._name}; botocore makes the next")
