"""What an error of the bus, or of a call to it, means for its entries.

The codes are those of the API references for SNS's PublishBatch and EventBridge's PutEvents, and
the errors common to all AWS actions. They come as whole-call errors and as the code of a single
failed entry, with or without the suffix `Exception`, so it is cut off. A code on neither list is
transient: a retry too many costs less than a lost event.
"""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)

from customer_events.tracebacks import where_raised
from publisher.ports import Answer, Verdict
from publisher.reasons import EventTooLarge, RefusedByBus

CONFIRMED = Answer(verdict=Verdict.CONFIRMED)
UNMENTIONED = Answer(verdict=Verdict.TRANSIENT, code="Unmentioned")
"""The bus's answer says nothing of the entry: it may or may not have it."""
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError)
_REFUSALS_TEXT = """
BatchRequestTooLong InvalidArgument InvalidBatchEntryId InvalidMessageContents
InvalidParameter InvalidParameterCombination InvalidParameterValue MalformedDetail
MessageTooLong ParameterValueInvalid RedactionFailure Validation ValidationError
"""
_REFUSALS = frozenset(_REFUSALS_TEXT.split())
_BUS_FAULTS_TEXT = """
AccessDenied AuthorizationError EndpointDisabled ExpiredToken IncompleteSignature
InvalidAccessKeyId InvalidAccountId InvalidClientTokenId InvalidSecurity InvalidSignature
KMSAccessDenied KMSDisabled KMSInvalidState KMSNotFound KMSOptInRequired
MissingAuthenticationToken NotAuthorizedForDetailType NotAuthorizedForSource NotFound
OperationDisabled OptInRequired ResourceNotFound SignatureDoesNotMatch TopicNotFound
UnrecognizedClient
"""
_BUS_FAULTS = frozenset(_BUS_FAULTS_TEXT.split())
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


def answer_for_call(error: Exception, bus_parameter: str) -> tuple[Answer, bool]:
    """What a failed call means for its entries, and whether one of them alone may be guilty.

    Args:
        error: what the call raised.
        bus_parameter: how AWS calls the bus in a message that blames it, such as `TopicArn`.
    """
    code = code_of(error)
    if not isinstance(error, ClientError):
        if isinstance(error, _NO_CREDENTIALS):
            return Answer(verdict=Verdict.BUS_FAULT, code=code), False
        return Answer(verdict=Verdict.TRANSIENT, code=code), not isinstance(error, BotoCoreError)
    fields = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    answer = answer_for(code, status)
    refused = answer.verdict is Verdict.REFUSED
    if refused and bus_parameter in str(fields.get("Message", "")):
        return Answer(verdict=Verdict.BUS_FAULT, code=answer.code), False
    return answer, refused


def code_of(error: Exception) -> str:
    """AWS's error code, or botocore's name for it; of any other exception, where it was raised."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unnamed"))
    return type(error).__name__ if isinstance(error, BotoCoreError) else where_raised(error)


def too_large(size_max_bytes: int) -> Answer:
    """The answer for an entry that is not even sent."""
    limit = f"at most {size_max_bytes} bytes with what the transport counts along"
    return Answer(verdict=Verdict.REFUSED, code="EventTooLarge", reason=EventTooLarge(limit))
