"""What a failure means: the message can never succeed, it waits for what is down, or it is a bug.

A dependency fault says nothing against the message, which waits for as long as it takes. A bug may
be the message's own or the deployment's: only where this process handles others well is it taken
for the message's, which is parked once it was received often enough.
"""

import re
import time
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from customer_events.deadline import MonotonicClock
from customer_events.errors import KeepsFailing, PermanentError
from customer_events.tracebacks import frames
from event_consumer.messages import Message
from event_consumer.outcomes import WELL, Cause, Handled, parked, retry

SUSPECT_RECEIVES = 5
"""From this receive on a message is handled last, and parked where it shows a bug of its own."""
EVIDENCE_SECONDS = 900.0
REMEMBERED_MAX = 10_000
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_SERVER_ERROR = 500
_CODES_OF_FAULTS = """
kmsthrottled limitexceeded priorrequestnotcomplete provisionedthroughputexceeded
replicatedwriteconflict requestlimitexceeded requestthrottled slowdown throttled throttling
throttlingerror toomanyrequests transactionconflict transactioninprogress
internalerror internalfailure internalserver internalservererror requesttimeout service
serviceunavailable
accessdenied authorizationerror expiredtoken incompletesignature invalidaccesskeyid
invalidclienttokenid invalidsecurity invalidsignature missingauthenticationtoken notauthorized
optinrequired requestexpired signaturedoesnotmatch unauthorizedoperation unrecognizedclient
indexnotfound nonexistentqueue queuedoesnotexist resourcenotfound tablenotfound
kmsaccessdenied kmsdisabled kmsinvalidkeyusage kmsinvalidstate kmsnotfound kmsoptinrequired
connectionerror credentialretrievalerror dependencyfault httpclienterror nocredentialserror
timeouterror
"""
_DEPENDENCY_FAULTS = frozenset(_CODES_OF_FAULTS.split())
"""AWS's codes (and those of a cancelled transaction's reasons) for throttling, server errors,
access, missing tables and queues, and keys; at last, types of exceptions where no answer came.
Without a service's prefix and the suffix `Exception`, in which services differ."""


class DependencyFault(Exception):
    """For a rule to raise: what it needs is down, and nothing is wrong with the message.

    Args:
        code: for the log and the metric: up to 64 letters, digits and `_.:-`.
    """

    def __init__(self, code: str = "DependencyFault") -> None:
        self.code = code if _CODE.fullmatch(code) else "DependencyFault"
        super().__init__(self.code)


def failed(error: Exception) -> Handled:
    """The end of an event whose own work raised this."""
    return parked(error) if isinstance(error, PermanentError) else raised(error)


def raised(error: Exception) -> Handled:
    """A `RETRY` by an exception: its code, and files and lines of a bug, but never its text."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict) and isinstance(answer.get("Error"), dict):
        code, is_fault = _read_answer(answer)
    else:
        names = [base.__name__ for base in type(error).__mro__]
        code = error.code if isinstance(error, DependencyFault) else names[0]
        is_fault = any(map(is_dependency_fault, names))
    if is_fault:
        return retry(code, Cause.DEPENDENCY_FAULT)
    return retry(code, Cause.UNEXPECTED, frames=tuple(frames(error)))


def is_dependency_fault(code: str) -> bool:
    """Whether an error code, as AWS wrote it, speaks of what the consumer needs."""
    service, _, name = code.removesuffix("Exception").lower().rpartition(".")
    # `KMS.Disabled` is `KMSDisabled` elsewhere; alone, the word says too little.
    return name in _DEPENDENCY_FAULTS or (service == "kms" and f"kms{name}" in _DEPENDENCY_FAULTS)


def in_turns(messages: Sequence[Message], receives_max: int) -> list[list[int]]:
    """The indexes of messages to handle together, so that one that kills the process spares others.

    First those on their last receive, which are parked and not tried. Then all others. Then each
    that was received often by itself, in an order that changes with each receive, so that it is
    not always the same that die with another. A FIFO group stays together.
    """
    lanes = [message.fifo_group or message.message_id for message in messages]
    receives: dict[str, int] = {}
    for lane, message in zip(lanes, messages, strict=True):
        receives[lane] = max(receives.get(lane, 0), message.receive_count)
    turns: dict[int, list[int]] = {}
    for index, (lane, message) in enumerate(zip(lanes, messages, strict=True)):
        turn = 1
        if message.receive_count >= receives_max:
            turn = 0
        elif receives[lane] >= SUSPECT_RECEIVES:
            turn = 2 + crc32(f"{lane}/{receives[lane]}".encode())
        turns.setdefault(turn, []).append(index)
    return [turns[turn] for turn in sorted(turns)]


class FailureTracker:
    """What one process saw of its messages in the last 15 minutes: evidence for and against them.

    Args:
        receives_max: the queue's maxReceiveCount.
    """

    def __init__(self, *, receives_max: int, clock: MonotonicClock = time) -> None:
        self.receives_max = receives_max
        self._clock = clock
        self._went_well: dict[str, tuple[float, bool]] = {}

    def before(self, message: Message) -> Handled | None:
        """The end of a message on its last receive: it is parked with a note, before SQS does."""
        if message.receive_count < self.receives_max:
            return None
        return parked(KeepsFailing("success before the last receive; it was not tried this time"))

    def after(self, messages: Sequence[Message], ends: Sequence[Handled]) -> list[Handled]:
        """The ends, those of messages that keep failing by a bug of their own as `PARKED`."""
        now, seen = self._clock.monotonic(), self._went_well
        for message, end in zip(messages, ends, strict=True):
            if end.cause is Cause.UNEXPECTED or end.outcome in WELL:
                seen.pop(message.message_id, None)
                seen[message.message_id] = (now, end.outcome in WELL)
        while len(seen) > REMEMBERED_MAX or (
            seen and next(iter(seen.values()))[0] < now - EVIDENCE_SECONDS
        ):
            del seen[next(iter(seen))]
        if not any(end.cause is Cause.UNEXPECTED for end in ends):
            return list(ends)
        well = sum(went_well for _, went_well in seen.values())
        is_healthy = (len(seen) - well) * 2 < len(seen)
        return [
            parked(KeepsFailing(f"no {end.error_type}"), frames=end.frames)
            if is_healthy
            and end.cause is Cause.UNEXPECTED
            and message.receive_count >= SUSPECT_RECEIVES
            else end
            for message, end in zip(messages, ends, strict=True)
        ]


# Private functions


def _read_answer(answer: dict[str, Any]) -> tuple[str, bool]:
    """AWS's error code, and whether it is a dependency fault."""
    code = str(answer["Error"].get("Code"))
    reasons = [str(reason.get("Code")) for reason in answer.get("CancellationReasons") or ()]
    if refused := [code for code in reasons if code != "None"]:
        return f"{code}:{refused[0]}", all(is_dependency_fault(reason) for reason in refused)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code, is_dependency_fault(code) or status >= _SERVER_ERROR
