import pytest

from publisher.bus_errors import answer_for
from publisher.ports import Verdict


@pytest.mark.parametrize(
    "code",
    [
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "ValidationError",
        "ParameterValueInvalid",
        "ValidationException",
        "BatchRequestTooLong",
    ],
)
def test_what_the_sender_got_wrong_is_refused_and_the_reason_names_the_code(code):
    answer = answer_for(code, 400)
    assert answer.verdict is Verdict.REFUSED
    assert answer.reason.code == "RefusedByBus"
    assert code in answer.reason.expected


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AuthorizationError", 403),
        ("AccessDenied", 403),
        ("AccessDeniedException", 400),
        ("NotFound", 404),
        ("NotFoundException", 0),
        ("KMSAccessDenied", 400),
        ("KMSDisabledException", 400),
        ("KMSInvalidState", 400),
        ("KMSNotFound", 0),
        ("KMSOptInRequired", 403),
        ("ExpiredToken", 403),
        ("InvalidClientTokenId", 403),
        ("SomethingNew", 401),
        ("SomethingNew", 403),
        ("SomethingNew", 404),
    ],
)
def test_permission_topic_and_key_are_the_buss_own_fault(code, status):
    assert answer_for(code, status).verdict is Verdict.BUS_FAULT


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Throttling", 400),
        ("ThrottledException", 429),
        ("KMSThrottling", 400),
        ("KMSThrottlingException", 0),
        ("InternalError", 500),
        ("InternalFailure", 0),
        ("ServiceUnavailable", 503),
        ("RequestTimeout", 408),
        ("SomethingNew", 0),
        ("SomethingNew", 400),
    ],
)
def test_everything_else_may_pass_the_next_time_what_nobody_knows_included(code, status):
    assert answer_for(code, status).verdict is Verdict.TRANSIENT
