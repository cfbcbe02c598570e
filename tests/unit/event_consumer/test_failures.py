"""A dependency's fault waits, a message's own bug is parked on evidence, a deployment's waits."""

from dataclasses import replace

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from customer_events.errors import SchemaViolation
from event_consumer import DependencyFault
from event_consumer.failures import (
    EVIDENCE_SECONDS,
    REMEMBERED_MAX,
    SUSPECT_RECEIVES,
    FailureTracker,
    failed,
    in_turns,
)
from event_consumer.outcomes import (
    APPLIED,
    DUPLICATE,
    STALE,
    Cause,
    Handled,
    Outcome,
    parked,
    retry,
)
from stubbed_client import client_error
from unit.event_consumer.consumer_samples import FakeClock, message

BUG = retry("KeyError", Cause.UNEXPECTED, frames=("payments/rule.py:7",))
FAULT = retry("ThrottlingException", Cause.DEPENDENCY_FAULT)


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "RequestTimeout",
        "InternalServerError",
        "ServiceUnavailable",
        "AccessDeniedException",
        "AccessDenied",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "KmsAccessDenied",
        "KMSInvalidStateException",
        "KMS.DisabledException",  # so SQS and S3 write it
        "KMS.NotFoundException",
        "KMS.InvalidStateException",
        "KMS.KMSInvalidStateException",
        "KMS.ThrottlingException",
    ],
)
def test_a_dependency_fault_is_named_by_awss_own_code(code):
    end = failed(client_error(code))
    assert (end.outcome, end.error_type, end.cause) == (Outcome.RETRY, code, Cause.DEPENDENCY_FAULT)


def test_any_server_error_is_a_dependency_fault():
    assert failed(client_error("BrandNew", 503)).cause is Cause.DEPENDENCY_FAULT
    assert failed(client_error("BrandNew", 400)).cause is Cause.UNEXPECTED


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="x"),
        EndpointConnectionError(endpoint_url="x"),
        NoCredentialsError(),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_no_answer_is_a_dependency_fault(error):
    assert failed(error).cause is Cause.DEPENDENCY_FAULT
    assert failed(error).error_type == type(error).__name__


@pytest.mark.parametrize("answer", [{"Error": "busy"}, {"Error": None}, {"Error": []}, "busy"])
def test_an_exception_with_another_kind_of_answer_than_awss_is_a_bug_like_any(answer):
    """A rule may call whom it likes; what that raises must not take the whole batch down."""

    class Refused(Exception):
        response = answer

    end = failed(Refused())
    assert (end.error_type, end.cause) == ("Refused", Cause.UNEXPECTED)


@pytest.mark.parametrize(
    "error",
    [client_error("ValidationException"), KeyError("status"), ParamValidationError(report="x")],
)
def test_a_bug_is_told_with_type_file_and_line(error):
    def rule():
        raise error

    try:
        rule()
    except Exception as raised:  # noqa: BLE001
        end = failed(raised)
    assert end.cause is Cause.UNEXPECTED
    assert end.error_type in {"ValidationException", "KeyError", "ParamValidationError"}
    assert end.frames[-1].startswith("event_consumer/test_failures.py:")
    assert "status" not in repr(end)


@pytest.mark.parametrize(
    ("codes", "cause"),
    [
        (["None", "TransactionConflict"], Cause.DEPENDENCY_FAULT),
        (["ThrottlingError", "ProvisionedThroughputExceeded"], Cause.DEPENDENCY_FAULT),
        (["TransactionConflict", "ValidationError"], Cause.UNEXPECTED),
        (["None", "ConditionalCheckFailed"], Cause.UNEXPECTED),
    ],
)
def test_a_cancelled_transaction_is_judged_by_its_reasons(codes, cause):
    reasons = [{"Code": code} for code in codes]
    end = failed(client_error("TransactionCanceledException", CancellationReasons=reasons))
    assert end.cause is cause
    assert end.error_type.startswith("TransactionCanceledException:")


def test_a_rule_may_say_that_what_it_needs_is_down():
    assert failed(DependencyFault("LedgerDown")) == retry("LedgerDown", Cause.DEPENDENCY_FAULT)
    assert failed(DependencyFault("of customer c-1!")).error_type == "DependencyFault"
    assert failed(DependencyFault("x" * 64)).error_type == "x" * 64
    assert failed(DependencyFault("x" * 65)).error_type == "DependencyFault"


def test_what_can_never_succeed_is_parked_with_its_reason():
    reason = SchemaViolation("expected another")
    assert failed(reason) == parked(reason)


# The evidence


class Process:
    def __init__(self, receives_max=240):
        self.clock = FakeClock()
        self.tracker = FailureTracker(receives_max=receives_max, clock=self.clock)

    def after(self, *ends, first=1, receives=1):
        messages = [
            message(number, receive_count=receives) for number, _ in enumerate(ends, start=first)
        ]
        return self.tracker.after(messages, ends)

    def bug(self, receives=5):
        [end] = self.after(BUG, first=900, receives=receives)
        return end.reason.code if end.reason else end.outcome.value


def test_a_message_that_keeps_failing_is_parked_where_others_went_well():
    process = Process()
    process.after(APPLIED, DUPLICATE, STALE)
    assert process.bug(receives=4) == "RETRY"
    assert process.bug(receives=5) == "KeepsFailing"
    [end] = process.after(BUG, first=900, receives=5)
    assert end.frames == BUG.frames


def test_without_a_message_that_went_well_a_bug_is_the_deployments():
    process = Process()
    assert process.bug() == "RETRY"
    process.after(FAULT, parked(SchemaViolation("x")))
    assert process.bug() == "RETRY"


@pytest.mark.parametrize(("well", "end"), [(1, "RETRY"), (2, "KeepsFailing")])
def test_where_half_of_the_messages_meet_a_bug_it_is_the_deployments(well, end):
    process = Process()
    process.after(*[APPLIED] * well)
    assert process.bug() == end


def test_a_message_counts_once_however_often_it_came():
    process = Process()
    process.after(APPLIED, APPLIED)
    for _ in range(10):
        assert process.bug(receives=4) == "RETRY"
    assert process.bug() == "KeepsFailing"


@pytest.mark.parametrize(("minutes", "end"), [(14, "KeepsFailing"), (16, "RETRY")])
def test_what_went_well_is_evidence_for_fifteen_minutes(minutes, end):
    process = Process()
    process.after(APPLIED, APPLIED, APPLIED)
    process.clock.seconds += minutes * 60
    assert process.bug() == end
    assert EVIDENCE_SECONDS == 900


def test_a_dependency_fault_is_never_parked_before_the_last_receive():
    process = Process()
    process.after(*[APPLIED] * 9)
    [end] = process.after(FAULT, first=900, receives=239)
    assert end is FAULT


def test_the_memory_of_messages_is_bounded():
    process = Process()
    for start in range(0, 3 * REMEMBERED_MAX, 1000):
        process.after(*[APPLIED] * 1000, first=start)
    assert len(process.tracker._went_well) == REMEMBERED_MAX == 10_000


@pytest.mark.parametrize(("receives", "reason"), [(239, None), (240, "KeepsFailing")])
def test_on_its_last_receive_a_message_is_given_up_before_it_is_tried(receives, reason):
    end = Process().tracker.before(message(1, receive_count=receives))
    assert (end and end.reason.code) == reason


# The turns


def test_messages_that_were_received_often_come_last_and_each_by_itself():
    counts = [1, SUSPECT_RECEIVES, 4, 240, 7]
    messages = [message(n, receive_count=count) for n, count in enumerate(counts)]
    first, second, *suspects = in_turns(messages, 240)
    assert (first, second, sorted(suspects)) == ([3], [0, 2], [[1], [4]])
    assert SUSPECT_RECEIVES == 5


def test_a_batch_without_such_messages_is_one_turn():
    assert in_turns([message(n, receive_count=4) for n in range(3)], 240) == [[0, 1, 2]]
    assert in_turns([], 240) == []


def test_the_order_of_suspects_changes_with_each_receive():
    messages = [message(n, receive_count=5) for n in range(10)]
    firsts = {
        in_turns([replace(one, receive_count=count) for one in messages], 240)[0][0]
        for count in range(5, 60)
    }
    assert len(firsts) == 10


def test_a_fifo_group_stays_together_and_in_order():
    rows = [("a", 1), ("b", 6), ("a", 2), ("b", 1)]
    messages = [
        message(n, fifo=True, group_id=group, receive_count=count)
        for n, (group, count) in enumerate(rows)
    ]
    assert in_turns(messages, 240) == [[0, 2], [1, 3]]


@pytest.mark.parametrize("outcome", Outcome)
def test_an_answer_gives_a_reason_if_it_is_parked_and_only_then(outcome):
    reason = None if outcome is Outcome.PARKED else SchemaViolation("expected another")
    with pytest.raises(ValueError, match="reason"):
        Handled(outcome=outcome, reason=reason)
