"""Encode the form body of a PublishBatch once, and fast. Pure.

botocore keeps the body of a query-protocol call as a dict of some seventy fields, which it makes by
walking through the service's model, and url-encodes it twice, keys included: once to sign it and
once to send it. That was two thirds of all the CPU that publishing took. So the entries are kept
from its serializer, and put into the body as text before botocore signs it; but only once its own
body of a call was seen to be the same.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_QUOTED = {chr(code): quote(chr(code), safe="") for code in range(128)}
_ENTRIES = "PublishBatchRequestEntries"
_HEAD = ("Action", "Version", "TopicArn")


class EntriesEncoder:
    """Keeps entries from botocore once it was seen to encode a call field by field as here.

    Until then, so at least for the first call, what leaves is botocore's own encoding.
    """

    def __init__(self) -> None:
        self._agrees = False

    def register(self, events: Any) -> None:
        """Join a client by its events; one that checks parameters would miss the entries."""
        events.register("before-parameter-build.sns.PublishBatch", self._keep_entries_back)
        events.register("before-call.sns.PublishBatch", self._encode_once)

    # Private functions

    def _keep_entries_back(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_ENTRIES] = params[_ENTRIES], self._agrees
        if self._agrees:
            del params[_ENTRIES]

    def _encode_once(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        entries, kept_back = context.pop(_ENTRIES)
        body = params["body"]
        fields = {name: body.get(name) for name in _HEAD} if isinstance(body, Mapping) else {}
        if not kept_back:
            ours = urlencode(fields, quote_via=quote) + entries_encoded(entries)
            theirs = urlencode(body, quote_via=quote) if fields else ""
            self._agrees = sorted(theirs.split("&")) == sorted(ours.split("&"))
        elif fields == body:
            text = urlencode(body, quote_via=quote) + entries_encoded(entries)
            params["body"] = text.encode()
        else:
            self._agrees = False
            raise RuntimeError("expected a body without entries; the next call is botocore's own")


def entries_encoded(entries: Sequence[Mapping[str, Any]]) -> str:
    """The fields of a PublishBatch's entries, each after an `&`; see botocore's QuerySerializer.

    Attributes are strings, and ids are made of what needs no quoting.
    """
    parts = []
    for number, entry in enumerate(entries, start=1):
        start = f"&{_ENTRIES}.member.{number}."
        attributes = tuple(
            (name, value["StringValue"]) for name, value in entry["MessageAttributes"].items()
        )
        parts.append(
            f"{start}Id={entry['Id']}{start}Message={_quoted(entry['Message'])}"
            f"{_attributes_encoded(start, attributes)}"
        )
        parts += [
            f"{start}{name}={entry[name]}"
            for name in ("MessageGroupId", "MessageDeduplicationId")
            if name in entry
        ]
    return "".join(parts)


# Private functions


@lru_cache(maxsize=1_024)
def _attributes_encoded(start: str, attributes: tuple[tuple[str, str], ...]) -> str:
    """Cached: there are few kinds of transitions, and ten places in a call."""
    return "".join(
        f"{start}MessageAttributes.entry.{number}.Name={_quoted(name)}"
        f"{start}MessageAttributes.entry.{number}.Value.DataType=String"
        f"{start}MessageAttributes.entry.{number}.Value.StringValue={_quoted(value)}"
        for number, (name, value) in enumerate(attributes, start=1)
    )


def _quoted(text: str) -> str:
    """Replace character by character: JSON has few kinds of them to quote, and many of each.

    A blank becomes `%20`, not `+`: replacements must hold nothing that is replaced later.
    """
    odd = set(text) - _PLAIN
    if not odd:
        return text
    if not text.isascii():
        return quote(text, safe="")
    if "%" in odd:
        text = text.replace("%", "%25")
        odd.discard("%")
    for character in odd:
        text = text.replace(character, _QUOTED[character])
    return text
