"""The settings of a DynamoDB stream event source mapping, as Lambda reports them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fanout.errors import WrongUse

REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"
STARTING_POSITIONS = ("TRIM_HORIZON", "LATEST")
"""What a DynamoDB stream mapping may start from; AT_TIMESTAMP is for Kinesis alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """One mapping. A limit of -1 means no limit.

    Attributes:
        function_arn: What to invoke, with its version or alias where it has one.
        window_seconds: How long a batch that is not full waits for more, from its first record.
        lanes: The parallelization factor: batches of one shard that may run side by side.
        retry_attempts_max: Failed invocations after the first, before the batch is discarded.
        record_age_seconds_max: Age at which a record is discarded rather than sent.
        enabled: Whether Lambda itself polls. Whoever drives the mapping may do so regardless.
        report_item_failures: Whether the function's answer names the records that failed.
    """

    mapping_id: str
    function_arn: str
    stream_arn: str
    batch_size: int = 100
    window_seconds: float = 0
    lanes: int = 1
    bisect: bool = False
    retry_attempts_max: int = -1
    record_age_seconds_max: int = -1
    function_response_types: tuple[str, ...] = ()
    on_failure_arn: str | None = None
    starting_position: str = "TRIM_HORIZON"
    enabled: bool = True

    @property
    def report_item_failures(self) -> bool:
        """Whether a partial batch response counts; otherwise any answer is success."""
        return REPORT_BATCH_ITEM_FAILURES in self.function_response_types

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "MappingSettings":
        """Read the answer of `get_event_source_mapping`; what is left out takes Lambda's default.

        Raises:
            WrongUse: a filter, or a starting position that Lambda does not know for a stream.
        """
        mapping_id = answer["UUID"]
        position = answer.get("StartingPosition") or "TRIM_HORIZON"
        if position not in STARTING_POSITIONS:
            raise WrongUse(
                f"Event source mapping {mapping_id}: StartingPosition {position!r} does not exist "
                f"for a DynamoDB stream; expected one of {', '.join(STARTING_POSITIONS)}."
            )
        if (answer.get("FilterCriteria") or {}).get("Filters"):
            raise WrongUse(
                f"Event source mapping {mapping_id} has a filter: what it drops is gone without a "
                "trace, and the local poller knows none. Let the function decide."
            )
        destination = (answer.get("DestinationConfig") or {}).get("OnFailure") or {}
        return cls(
            mapping_id=mapping_id,
            function_arn=answer["FunctionArn"],
            stream_arn=answer["EventSourceArn"],
            batch_size=int(answer.get("BatchSize") or 100),
            window_seconds=float(answer.get("MaximumBatchingWindowInSeconds") or 0),
            lanes=int(answer.get("ParallelizationFactor") or 1),
            bisect=bool(answer.get("BisectBatchOnFunctionError")),
            retry_attempts_max=_limit(answer.get("MaximumRetryAttempts")),
            record_age_seconds_max=_limit(answer.get("MaximumRecordAgeInSeconds")),
            function_response_types=tuple(answer.get("FunctionResponseTypes") or ()),
            on_failure_arn=destination.get("Destination") or None,
            starting_position=position,
            enabled=answer.get("State", "Enabled") in {"Enabled", "Enabling", "Creating"},
        )


# Private functions


def _limit(value: int | None) -> int:
    return -1 if value is None else int(value)
