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

from customer_events.decoder import parse_json
from customer_events.errors import PermanentError
from event_consumer.consume_batch import Reader
from event_consumer.unwrap import unwrap
from fanout.dlq.diagnosis import Diagnosis, diagnose
from fanout.dlq.export_file import to_line
from fanout.dlq.freeze import facts_of
from fanout.dlq.message import DeadMessage, attributes_size_bytes
from fanout.dlq.ports import QueueFacts, Sending
from fanout.dlq.sending import Unsendable, sending
from fanout.errors import WrongUse

EDITED_FROM = "edited_from"
"""The message attribute that names the original and the run whose journal holds it."""
OPERATIONS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is changed: a JSON Patch (RFC 6902) of the document, or a whole new body."""

    patch: tuple[Mapping[str, Any], ...] = ()
    body: str | None = None

    def to_document(self) -> dict[str, Any]:
        """As a journal keeps it."""
        return {"patch": list(self.patch), "body": self.body}

    def apply(self, message: DeadMessage, reader: Reader) -> str:
        """The new body.

        Raises:
            Unsendable: the patch does not fit this message, changes nothing or moves it to another
                customer, or the result breaks the contract; says which.
        """
        before = diagnose(message, reader)
        document = self._edited(message)
        try:
            event = reader(unwrap(json.dumps(document)))
        except PermanentError as error:
            raise Unsendable(f"StillInvalid: {error.code}, {error}") from None
        if before.customer_id is not None and event.customer_id != before.customer_id:
            raise Unsendable(
                "OtherCustomer: an edit may not move a change to another customer; discard the "
                "message and let reconcile repair both"
            )
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    # Private functions

    def _edited(self, message: DeadMessage) -> Any:
        if self.body is not None:
            return parsed(self.body)
        document = document_of(message)
        try:
            edited = jsonpatch.apply_patch(document, [dict(one) for one in self.patch])
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise Unsendable(f"PatchDoesNotFit: {type(error).__name__}") from None
        if edited == document:
            raise Unsendable("Unchanged: the patch changes nothing in this message")
        return edited


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
    return Edit(patch=tuple(document["patch"]), body=document["body"])


def from_patch(text: str, name: str) -> Edit:
    """The edit that a JSON Patch states.

    Raises:
        WrongUse: the text is no JSON Patch; `name` names it.
    """
    try:
        operations = json.loads(text)
        jsonpatch.JsonPatch(operations)
    except (ValueError, TypeError, KeyError, jsonpatch.JsonPatchException) as error:
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
        old = document_of(message)
    except Unsendable:
        return Edit(body=json.dumps(new, ensure_ascii=False))
    return Edit(patch=tuple(jsonpatch.make_patch(old, new)))


def shown(message: DeadMessage) -> str:
    """What an editor opens: the document, indented; the body as it is where there is none."""
    try:
        return json.dumps(document_of(message), indent=2, ensure_ascii=False) + "\n"
    except Unsendable:
        return message.body


def facts_after(edit: Edit, reader: Reader, message: DeadMessage, found: Diagnosis) -> Any:
    """What the journal says of a message that is to be edited: `readable` is of the new one."""
    try:
        edit.apply(message, reader)
    except Unsendable as refused:
        return facts_of(message, found) | {"readable": False, "unreadable": str(refused)}
    return facts_of(message, found) | {"readable": True}


def document_of(message: DeadMessage) -> Any:
    """The event's document, or the JSON that is there instead. Raises: Unsendable where none is."""
    try:
        return unwrap(message.body)
    except PermanentError:
        return parsed(message.body)


def parsed(text: str) -> Any:
    """Read JSON. Raises: Unsendable where it is none."""
    try:
        return parse_json(text)
    except PermanentError as error:
        raise Unsendable(f"{error.code}: {error}") from None
