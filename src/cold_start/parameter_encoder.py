"""Encode a large parameter faster than botocore, which walks its model for each value in it."""

from typing import Any, ClassVar


class ParameterEncoder:
    """Keeps a parameter from botocore's serializer, and adds it to the body before that is signed.

    Only once botocore's own body of a call was seen to be the same. Until then, so at least for the
    first call, what leaves is botocore's own encoding.
    """

    parameter: ClassVar[str]

    def __init__(self) -> None:
        self._agrees = False

    def register(self, events: Any, operation: str) -> None:
        """Join a client by its events, for an operation such as `sns.PublishBatch`.

        A client that checks parameters would miss the one that is kept back.
        """
        events.register(f"before-parameter-build.{operation}", self._keep_back)
        events.register(f"before-call.{operation}", self._encode)

    def agrees(self, body: Any, value: Any) -> bool:
        """Whether botocore's body of a whole call says what `encoded` would make it say."""
        raise NotImplementedError

    def encoded(self, rest: Any, value: Any) -> bytes | None:
        """The body of a call; None where `rest`, botocore's body without it, is not as expected."""
        raise NotImplementedError

    # Private functions

    def _keep_back(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[self.parameter] = params[self.parameter], self._agrees
        if self._agrees:
            del params[self.parameter]

    def _encode(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        value, kept_back = context.pop(self.parameter)
        if not kept_back:
            self._agrees = self.agrees(params["body"], value)
            return
        body = self.encoded(params["body"], value)
        if body is None:
            self._agrees = False
            raise RuntimeError(
                f"expected a body without {self.parameter}; the next call is botocore's own"
            )
        params["body"] = body
