"""What an error of the bus means for an entry. Pure.

The codes are those of the API references for SNS's PublishBatch and EventBridge's PutEvents, and
the errors common to all AWS actions. They come as whole-call errors and as the code of a single
failed entry, with or without the suffix `Exception`, so it is cut off. A code on neither list is
transient: a retry too many costs less than a lost event.
"""

from publisher.ports import Answer, Verdict
from publisher.reasons import RefusedByBus

_REFUSALS = frozenset(
    {
        "BatchRequestTooLong",
        "InvalidArgument",
        "InvalidBatchEntryId",
        "InvalidMessageContents",
        "InvalidParameter",
        "InvalidParameterCombination",
        "InvalidParameterValue",
        "MalformedDetail",
        "MessageTooLong",
        "ParameterValueInvalid",
        "RedactionFailure",
        "Validation",
        "ValidationError",
    }
)
_BUS_FAULTS = frozenset(
    {
        "AccessDenied",
        "AuthorizationError",
        "EndpointDisabled",
        "ExpiredToken",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidAccountId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignature",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSOptInRequired",
        "MissingAuthenticationToken",
        "NotAuthorizedForDetailType",
        "NotAuthorizedForSource",
        "NotFound",
        "OperationDisabled",
        "OptInRequired",
        "ResourceNotFound",
        "SignatureDoesNotMatch",
        "TopicNotFound",
        "UnrecognizedClient",
    }
)
_UNAUTHORIZED_STATUSES = frozenset({401, 403, 404})


def answer_for(code: str, status: int = 0) -> Answer:
    """The meaning of an error code.

    Args:
        code: as AWS wrote it.
        status: the HTTP status of a whole call; 0 for a single entry's error.
    """
    stem = code.removesuffix("Exception")
    if stem in _BUS_FAULTS or (status in _UNAUTHORIZED_STATUSES and stem not in _REFUSALS):
        return Answer(verdict=Verdict.BUS_FAULT, code=code)
    if stem in _REFUSALS:
        reason = RefusedByBus(f"an entry that the bus takes; it answered {code}")
        return Answer(verdict=Verdict.REFUSED, code=code, reason=reason)
    return Answer(verdict=Verdict.TRANSIENT, code=code)
