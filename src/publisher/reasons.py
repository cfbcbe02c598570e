"""Why a record is parked, as stable codes: the class names. They stand in the failure store.

None of these can succeed as the record is, so trying again is pointless; a person decides. Each
docstring tells that person what to look at. No text here ever holds a value of the record.
"""

from customer_events.errors import PermanentError


class BadRecord(PermanentError):
    """A stream record that can't become an event, or whose event can't be published."""


class UndecodableImage(BadRecord):
    """Not the shape of a stream record: does the stream hold NEW_AND_OLD_IMAGES?"""


class MissingCustomerId(BadRecord):
    """The item's key lacks the customer id: is CUSTOMER_ID_ATTRIBUTE the table's partition key?"""


class MissingStatus(BadRecord):
    """No status: fix STATUS_ATTRIBUTE or the item, or leave such items out with ENTITY_FILTER."""


class UnknownStatus(BadRecord):
    """A status outside the vocabulary: translate it with TABLE_STATUS_MAP or fix the item."""


class MissingVersion(BadRecord):
    """SEQUENCE_ATTRIBUTE names no whole number of the item: fix the setting or the writer."""


class VersionDidNotRise(BadRecord):
    """The status changed and the version counter did not: some writer does not count."""


class EventTooLarge(BadRecord):
    """The event is larger than one message may be: see MESSAGE_SIZE_MAX_BYTES."""


class RefusedByBus(BadRecord):
    """The bus says that it will never take this event; `expected` holds its error code."""


class BusKeepsFailing(BadRecord):
    """The bus failed on this event for 15 minutes, and took others meanwhile."""


class UnexpectedError(BadRecord):
    """A bug: an exception that nobody foresaw, on this record; `expected` says where."""
