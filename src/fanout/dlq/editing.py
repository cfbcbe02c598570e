"""Change a dead message, and prove before it is sent that its subscriber can read it.

An edit sees the event's document, without what a transport wrapped around it, and what is sent is
that document alone: every consumer takes it raw. Where the body holds no document, the edit is the
whole new body.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jsonpatch

from customer_events.errors import PermanentError
from event_consumer.consume_batch import Reader
from event_consumer.unwrap import unwrap
from fanout.dlq.diagnosis import Diagnosis, diagnose
from fanout.dlq.export_file import to_line
from fanout.dlq.freeze import facts_of
from fanout.dlq.json_text import dumps, loads, member, rewritten
from fanout.dlq.message import DeadMessage, attributes_size_bytes
from fanout.dlq.ports import QueueFacts, Sending
from fanout.dlq.sending import Unsendable, sendable, sending
from fanout.errors import WrongUse

EDITED_FROM = "edited_from"
"""The message attribute that names the original and the run whose journal holds it."""
OPERATIONS_MAX = 100
_NO_PATCH = (
    *(jsonpatch.JsonPatchException, jsonpatch.JsonPointerException),
    *(ValueError, TypeError, KeyError, RecursionError),
)
"""What a patch that can't be applied raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is changed: a JSON Patch (RFC 6902) of the document, or a whole new body."""

    patch: tuple[Mapping[str, Any], ...] = ()
    body: str | None = None

    def to_document(self) -> dict[str, Any]:
        """As a journal keeps it: `exact` has each number as it was written."""
        exact = dumps(list(self.patch))
        return {"patch": json.loads(exact, parse_float=_shown), "exact": exact, "body": self.body}

    def apply(self, message: DeadMessage, reader: Reader) -> str:
        """The new body.

        Raises:
            Unsendable: the patch does not fit this message, changes nothing or moves it to another
                customer, or the result breaks the contract; says which.
        """
        before = diagnose(message, reader)
        text = self._edited(message)
        try:
            event = reader(unwrap(text))
        except PermanentError as error:
            raise Unsendable(f"StillInvalid: {error.code}, {error}") from None
        if before.customer_id is not None and event.customer_id != before.customer_id:
            raise Unsendable(
                "OtherCustomer: an edit may not move a change to another customer; discard the "
                "message and let reconcile repair both"
            )
        return sendable(text)

    # Private functions

    def _edited(self, message: DeadMessage) -> str:
        """The new text: of the old one, each byte stays that the patch leaves as it is."""
        if self.body is not None:
            return self.body
        text = document_of(message)
        try:
            edited = jsonpatch.apply_patch(parsed(text), [dict(one) for one in self.patch])
        except _NO_PATCH as error:
            raise Unsendable(f"PatchDoesNotFit: {type(error).__name__}") from None
        if (new := rewritten(text, edited)) == text:
            raise Unsendable("Unchanged: the patch changes nothing in this message")
        return new


class Edited:
    """The port `Making` of an edit: what is sent for a message, and what the journal keeps."""

    def __init__(self, edit: Edit, reader: Reader, destination: QueueFacts, run_id: str) -> None:
        self._edit = edit
        self._reader = reader
        self._destination = destination
        self._run_id = run_id

    def make(self, message: DeadMessage) -> Sending:
        """See `Making.make`."""
        body = self._edit.apply(message, self._reader)
        made = sending(replace(message, body=body), self._destination, self._run_id)
        text = json.dumps({"original_message_id": message.message_id, "run": self._run_id})
        mark = {EDITED_FROM: {"DataType": "String", "StringValue": text}}
        attributes = made.entry["MessageAttributes"] | mark
        size_bytes = len(body.encode()) + attributes_size_bytes(attributes)
        entry = {**made.entry, "MessageAttributes": attributes}
        return Sending(message_id=made.message_id, entry=entry, size_bytes=size_bytes)

    def keep(self, messages: Sequence[DeadMessage]) -> dict[str, Any]:
        """See `Making.keep`: the originals, whole."""
        return {"originals": [to_line(one) for one in messages]}


def from_document(document: Mapping[str, Any]) -> Edit:
    """Read what `Edit.to_document` wrote."""
    patch = loads(document["exact"]) if "exact" in document else document["patch"]
    return Edit(patch=tuple(patch), body=document["body"])


def from_patch(text: str, name: str) -> Edit:
    """The edit that a JSON Patch states.

    Raises:
        WrongUse: the text is no JSON Patch; `name` names it.
    """
    try:
        operations = loads(text)
        for one in jsonpatch.JsonPatch(operations).patch:
            for place in (one["path"], one.get("from", "")):
                jsonpatch.JsonPointer(place)
    except (*_NO_PATCH, PermanentError) as error:
        raise WrongUse(
            f"{name} is no JSON Patch ({type(error).__name__}): expected a list such as "
            '[{"op": "replace", "path": "/data/status", "value": "ACTIVE"}].'
        ) from None
    if not operations or len(operations) > OPERATIONS_MAX:
        raise WrongUse(f"{name}: expected 1 to {OPERATIONS_MAX} operations.")
    return Edit(patch=tuple(operations))


def from_editor(message: DeadMessage, text: str) -> Edit:
    """The edit that leads from a message to the document that an editor left.

    Raises:
        Unsendable: the text is no JSON.
    """
    new = parsed(text)
    try:
        old = parsed(document_of(message))
    except Unsendable:
        return Edit(body=text.strip())
    return Edit(patch=tuple(jsonpatch.JsonPatch.from_diff(old, new, dumps=dumps)))


def shown(message: DeadMessage) -> str:
    """What an editor opens: the document, indented; the body as it is where there is none."""
    try:
        return dumps(parsed(document_of(message)), indent=2) + "\n"
    except Unsendable:
        return message.body


def facts_after(edit: Edit, reader: Reader, message: DeadMessage, found: Diagnosis) -> Any:
    """What the journal says of a message that is to be edited: `readable` is of the new one."""
    try:
        edit.apply(message, reader)
    except Unsendable as refused:
        return facts_of(message, found) | {"readable": False, "unreadable": str(refused)}
    return facts_of(message, found) | {"readable": True}


def document_of(message: DeadMessage) -> str:
    """The text of the event's document, or the body where there is none."""
    text = message.body
    try:
        unwrap(text)
        while "specversion" not in (content := loads(text)):
            is_sns = content.get("Type") == "Notification"
            text = content["Message"] if is_sns else member(text, "detail")
    except PermanentError:
        return message.body
    return text


def _shown(number: str) -> float | str:
    """A number as a program can read it, or its text where a program would read another."""
    return float(number) if repr(float(number)) == number else number


def parsed(text: str) -> Any:
    """Read JSON. Raises: Unsendable where it is none."""
    try:
        return loads(text)
    except PermanentError as error:
        raise Unsendable(f"{error.code}: {error}") from None
