"""Why a document is refused, as stable codes that operators, metrics and tests rely on.

Every error answers "may I try again?": none of these may. A message that raises one can never
succeed as it is, so it is parked with the code. Errors name fields and expectations and never
hold the payload, which may be personal.
"""

EXPECTED_LENGTH_MAX = 200


class PermanentError(Exception):
    """Never succeeds as it is.

    Args:
        expected: what would have been right, in a few words; cut to 200 characters.
        field: dotted path of the field at fault, such as `data.status`; empty for the whole.
    """

    def __init__(self, expected: str, *, field: str = "") -> None:
        self.expected = expected[:EXPECTED_LENGTH_MAX]
        self.field = field[:EXPECTED_LENGTH_MAX]
        super().__init__(f"{self.field or 'document'}: {self.expected}")

    @property
    def code(self) -> str:
        """The stable reason code: the name of the class."""
        return type(self).__name__


class NotJson(PermanentError):
    """The body is not JSON text (RFC 8259, in UTF-8): find out who sends it, then discard it."""


class UnknownEnvelope(PermanentError):
    """JSON, but neither a CloudEvent nor an envelope known to carry one."""


class UnknownEventType(PermanentError):
    """A CloudEvent of another type: the subscription's filter or the sender is wrong."""


class SchemaViolation(PermanentError):
    """A known type and version whose fields break its schema: edit it, or fix its producer."""


class UnsupportedVersion(PermanentError):
    """Newer than this consumer understands: deploy the newer consumer, then replay."""


class UnknownStatus(PermanentError):
    """A status outside the vocabulary: deploy a consumer that knows it, then replay."""


class BehindParkedEvent(PermanentError):
    """An earlier event of this customer is parked: fix that one, then replay all of them."""


class KeepsFailing(PermanentError):
    """The consumer fails on this message, or dies of it: fix and deploy it, then replay."""


class OrderContradiction(PermanentError):
    """Its place in the order contradicts what is stored: did the counter start anew?

    Raise the producer's epoch, or edit the message, before it is replayed.
    """
