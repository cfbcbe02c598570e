"""Encode the form body of a PublishBatch once, and fast. Pure.

botocore keeps the body of a query-protocol call as a dict of some seventy fields, which it makes by
walking through the service's model, and url-encodes it twice, keys included: once to sign it and
once to send it. That was two thirds of all the CPU that publishing took. So the entries are kept
from its serializer, and put into the body as text before botocore signs it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_QUOTED = {chr(code): quote(chr(code), safe="") for code in range(128)}
_ENTRIES = "PublishBatchRequestEntries"


def keep_entries_back(
    params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
) -> None:
    """Handler of botocore's event `before-parameter-build`: takes the entries out of a call.

    A client that checks parameters would miss them. Where botocore has come to speak another
    protocol with SNS, they stay.
    """
    if model.service_model.resolved_protocol == "query":
        context[_ENTRIES] = params.pop(_ENTRIES)


def encode_body_once(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    """Handler of botocore's event `before-call`: replaces the request's body by its encoding."""
    if isinstance(params["body"], Mapping):
        entries = entries_encoded(context.pop(_ENTRIES, ()))
        params["body"] = form_encoded(params["body"]) + entries.encode()


def entries_encoded(entries: Sequence[Mapping[str, Any]]) -> str:
    """The fields of a PublishBatch's entries, each after an `&`; see botocore's QuerySerializer.

    Attributes are strings, and ids are made of what needs no quoting.
    """
    parts = []
    for place, entry in enumerate(entries, start=1):
        start = f"&{_ENTRIES}.member.{place}."
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


def form_encoded(fields: Mapping[str, str]) -> bytes:
    """What `urllib.parse.urlencode` makes of fields whose keys need no quoting.

    A blank becomes `%20`, not `+`: replacements must hold nothing that is replaced later.
    """
    return "&".join([f"{key}={_quoted(value)}" for key, value in fields.items()]).encode()


# Private functions


@lru_cache(maxsize=1_024)
def _attributes_encoded(start: str, attributes: tuple[tuple[str, str], ...]) -> str:
    """Cached: there are few kinds of transitions, and ten places in a call."""
    return "".join(
        f"{start}MessageAttributes.entry.{place}.Name={_quoted(name)}"
        f"{start}MessageAttributes.entry.{place}.Value.DataType=String"
        f"{start}MessageAttributes.entry.{place}.Value.StringValue={_quoted(value)}"
        for place, (name, value) in enumerate(attributes, start=1)
    )


def _quoted(text: str) -> str:
    """Replace character by character: JSON has few kinds of them to quote, and many of each."""
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
