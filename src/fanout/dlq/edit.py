"""Change a dead message, and prove before it is sent that its subscriber can read it.

An edit sees the event's document, without what a transport wrapped around it, and what is sent is
that document alone: every consumer takes it raw. Where the body holds no document, the edit is the
whole new body.
"""

import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

import jsonpatch

from customer_events.decoder import parse_json
from customer_events.errors import PermanentError
from event_consumer.consume_batch import Reader
from event_consumer.unwrap import unwrap
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.steps import Unsendable, sendable, sending
from fanout.errors import Refused, WrongUse
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import QueueFacts, Sending

# JSON with each number as it was written


_MARK = token_hex()
"""In front of a number, where it is a string for a moment; nobody's text holds it by chance."""


class Number(Decimal):
    """A number that is written as it was read, such as `1.10` or `1E400`; no boolean is equal."""

    text: str

    def __new__(cls, text: str) -> Self:
        """From its JSON text."""
        try:
            made = super().__new__(cls, text)
        except InvalidOperation:  # an exponent of twenty digits
            made = super().__new__(cls, "Infinity")
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        return not isinstance(other, bool) and super().__eq__(other)

    __hash__ = Decimal.__hash__

    def __deepcopy__(self, memo: object) -> Self:
        return self


def loads(text: str) -> Any:
    """Read JSON, each number as a `Number`. Raises: NotJson, also for what is nested too deeply."""
    parse_json(text)
    return json.loads(text, parse_float=Number, parse_int=Number)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Compact ASCII; with an `indent`, lines for a person. Numbers as they were read."""
    text = json.dumps(
        value,
        indent=indent,
        ensure_ascii=indent is None,
        separators=(",", ": " if indent else ":"),
        default=lambda number: f"{_MARK}{number.text}",
    )
    return re.sub(f'"{_MARK}([^"]*)"', r"\1", text)


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

        Raises: Unsendable: the patch does not fit this message, changes nothing or moves it to
        another customer, or the result breaks the contract; says which.
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

    def sending(
        self, message: DeadMessage, reader: Reader, destination: QueueFacts, run_id: str
    ) -> Sending:
        """What is sent in place of a message. Raises: Unsendable, as `apply`.

        Its attribute `edited_from` names the original and the run whose journal holds that.
        """
        body = self.apply(message, reader)
        made = sending(replace(message, body=body), destination, run_id)
        text = json.dumps({"original_message_id": message.message_id, "run": run_id})
        mark = {"edited_from": {"DataType": "String", "StringValue": text}}
        attributes = made.entry["MessageAttributes"] | mark
        return replace(made, entry={**made.entry, "MessageAttributes": attributes})

    # Private functions

    def _edited(self, message: DeadMessage) -> str:
        """The new text, written anew; every number in it is as it was written."""
        if self.body is not None:
            return self.body
        text = document_of(message)
        old = parsed(text)
        try:
            new = jsonpatch.apply_patch(old, [dict(operation) for operation in self.patch])
        except _NO_PATCH as error:
            raise Unsendable(f"PatchDoesNotFit: {type(error).__name__}") from None
        if dumps(new) == dumps(old):
            raise Unsendable("Unchanged: the patch changes nothing in this message")
        return dumps(new)


def from_document(document: Mapping[str, Any]) -> Edit:
    """Read what `Edit.to_document` wrote."""
    patch = loads(document["exact"]) if "exact" in document else document["patch"]
    return Edit(patch=tuple(patch), body=document["body"])


def from_patch(text: str, name: str) -> Edit:
    """Read the JSON Patch of a file of this name. Raises: WrongUse: it is none."""
    try:
        operations = loads(text)
        for operation in jsonpatch.JsonPatch(operations).patch:
            for pointer in (operation["path"], operation.get("from", "")):
                jsonpatch.JsonPointer(pointer)
    except (*_NO_PATCH, PermanentError) as error:
        raise WrongUse(
            f"{name} is no JSON Patch ({type(error).__name__}): expected a list such as "
            '[{"op": "replace", "path": "/data/status", "value": "ACTIVE"}].'
        ) from None
    if not operations or len(operations) > OPERATIONS_MAX:
        raise WrongUse(f"{name}: expected 1 to {OPERATIONS_MAX} operations.")
    return Edit(patch=tuple(operations))


def from_editor(message: DeadMessage, text: str) -> Edit:
    """What leads from a message to an editor's document. Raises: Unsendable: it is no JSON."""
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


def edit_by_hand(message: DeadMessage, reader: Reader) -> Edit:
    """What a person makes of a message in their editor, valid or refused.

    Raises:
        WrongUse: nothing was changed, or the result is not valid; names the field.
        Refused: the editor can't be run, or ended with an error.
    """
    before = shown(message)
    after = _open_editor(before)
    if after == before:
        raise WrongUse("Nothing was changed, so nothing is sent.")
    try:
        change = from_editor(message, after)
        change.apply(message, reader)
    except Unsendable as error:
        raise WrongUse(f"Nothing is sent: {error}.") from None
    return change


def _open_editor(text: str) -> str:
    """The text as the person's editor left it; the file is theirs alone, and gone afterwards."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="fanout-edit-") as folder:
        path = Path(folder) / "message.json"
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*command, str(path)], check=True)  # noqa: S603 (the person's own editor)
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, subprocess.CalledProcessError) as error:
            raise Refused(
                f"The editor {command[0]!r} failed ({type(error).__name__}): set EDITOR to one "
                "that works. Nothing was sent."
            ) from None


def document_of(message: DeadMessage) -> str:
    """The text of the event's document, or the body where there is none."""
    text = message.body
    try:
        unwrap(text)
        while "specversion" not in (content := loads(text)):
            is_sns = content.get("Type") == "Notification"
            text = content["Message"] if is_sns else dumps(content["detail"])
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
