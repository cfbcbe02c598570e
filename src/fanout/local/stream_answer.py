"""What became of one invocation of the function, and how its answer is read.

Source of the rules: "Configuring partial batch response with DynamoDB and Lambda" in the Lambda
developer guide.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """Every record of the batch is done with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartlyFailed:
    """What comes before `from_sequence` is done with; it and everything after it is retried."""

    from_sequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The function ran and failed as a whole.

    `error` says why, without a payload; `function_error` is Lambda's `FunctionError`, None where
    the function returned normally but with an answer that means failure.
    """

    error: str
    function_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInvoked:
    """The function did not run: a throttle, no permission, no connection. Spends no attempt."""

    error: str


InvocationResult = Succeeded | PartlyFailed | Failed | NotInvoked


def read_answer(answer: Any, *, sequences: Collection[str]) -> InvocationResult:
    """Read a partial batch response, decoded from JSON.

    Nothing, an empty object and an empty or null list are success. An identifier that is empty,
    null, misnamed or of no record in the batch fails the whole batch, and so does an answer of
    another shape: what can't be understood must not count as done.
    """
    if answer is None:
        return Succeeded()
    if not isinstance(answer, dict):
        return Failed(error=f"the answer is {type(answer).__name__}, not an object")
    failures = answer.get("batchItemFailures")
    if not isinstance(failures, list | None):
        return Failed(error="batchItemFailures is not a list")
    identifiers = [_identifier(one) for one in failures or ()]
    known = [one for one in identifiers if one in sequences]
    if len(known) != len(identifiers):
        return Failed(error="an itemIdentifier is missing, empty or not of this batch")
    if not known:
        return Succeeded()
    return PartlyFailed(from_sequence=min(known, key=int))


# Private functions


def _identifier(entry: Any) -> str:
    value = entry.get("itemIdentifier") if isinstance(entry, dict) else None
    return value if isinstance(value, str) else ""
