"""Documents and events for the tests of the contract: valid ones, and ones that just miss."""

import copy
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from contract.contract_files import EVENT_FOLDER, read_json
from customer_events import sequence
from customer_events.encoder import to_document
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.sequence import SequenceSource

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure: what must hold about effort is counted, not timed."""

MISSING = object()
"""Stands for: take the field away."""

INSTANTS = [
    "2026-11-23T09:30:00Z",
    "2026-11-23T09:30:00.1Z",
    "2026-11-23T09:30:00.123456Z",
    "2026-11-23T09:30:00.1234567Z",
    "2026-11-23T09:30:00.Z",
    "2026-11-23T09:30:00,5Z",
    "2026-11-23T09:30Z",
    "2026-11-23T09:30:00",
    "2026-11-23T09:30:00z",
    "2026-11-23t09:30:00Z",
    "2026-11-23 09:30:00Z",
    "2026-11-23T09:30:00+00:00",
    "2026-11-23T09:30:00-00:00",
    "2026-11-23T24:00:00Z",
    "2026-11-23T09:60:00Z",
    "2026-12-31T23:59:60Z",
    "2026-00-23T09:30:00Z",
    "2026-13-23T09:30:00Z",
    "2026-11-00T09:30:00Z",
    "2026-11-31T09:30:00Z",
    "2026-12-31T09:30:00Z",
    "2026-12-32T09:30:00Z",
    "2026-02-29T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2028-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0000-02-29T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "10000-01-01T00:00:00Z",
    "-2026-11-23T09:30:00Z",
    "2026-W48-1T09:30:00Z",
    "20261123T093000Z",
    "\u0662\u0660\u0662\u0666-11-23T09:30:00Z",
    "2026-11-23T09:30:00.\u0661Z",
]
SEQUENCES = [
    f"0001.{'0' * 39}7",
    f"0000.{'0' * 40}",
    f"9999.{'9' * 40}",
    f"0001.{'0' * 39}",
    f"0001.{'0' * 41}",
    f"001.{'0' * 40}",
    f"00001.{'0' * 40}",
    f"0001,{'0' * 40}",
    f"0001{'0' * 40}",
    "0001." + "\u0660" * 40,
    f"000\u0967.{'0' * 40}",
    f"-001.{'0' * 40}",
    f"0001.+{'0' * 39}",
    f"0001. {'0' * 39}",
    f"0x01.{'0' * 40}",
]
WORDS = [
    *Status,
    *Change,
    *SequenceSource,
    "active",
    "DORMANT",
    "SNAPSHOT",
    "1.0",
    "1.1",
    "urn:",
    "urn:x",
    ":x",
    "1rn:x",
    "a+b.c-d:e",
    "a b:c",
    "a:b c",
    "a:é",
    "a:<>%zz",
    "https://accounts.example/events",
    "00000000-0000-0000-0000-000000000000",
    "ABCDEF00-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "00000000000000000000000000000000",
    "novapay.accounts.CustomerStatusChanged.v1",
    "novapay.accounts.CustomerStatusChanged.v3",
    "novapay.accounts.CustomerStatusChanged.v02",
    "novapay.accounts.CustomerStatusChanged.v\u0662",
    "novapay.accounts.CustomerRenamed.v2",
]
LENGTHS = [letter * length for length in (127, 128, 129, 2047, 2048, 2049) for letter in "xé🙂"]
JUNK = [None, True, False, 0, 1, -1, 1.5, 10**30, "", " ", "\n", "\x00", [], {}, [None], {"a": 1}]
OTHER_DIGITS = str.maketrans("0123456789", "".join(chr(0x660 + n) for n in range(10)))


def full_document(major: int) -> dict[str, Any]:
    """A valid document that has every field, the optional ones too."""
    name = {1: "traced", 2: "repair"}[major]
    document = read_json(EVENT_FOLDER / "examples" / f"v{major}" / f"{name}.json")
    document["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    if major == 2:
        document["data"]["reason"] = "PAYMENT_OVERDUE"
    return document


def field_paths(document: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(name,) for name in document] + [("data", name) for name in document["data"]]


def changed(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with one field replaced, or taken away where `value` is MISSING."""
    name, *inner = path
    copied = copy.copy(document)
    copied[name] = changed(document[name], tuple(inner), value) if inner else value
    if copied[name] is MISSING:
        del copied[name]
    return copied


def near_values(original: Any) -> Iterator[Any]:
    """Values that are almost right, and some that are not at all."""
    yield from (MISSING, original, [original], *JUNK, *INSTANTS, *SEQUENCES, *WORDS, *LENGTHS)
    if isinstance(original, str):
        yield from (f"{original}{end}" for end in ("\n", "\r", "\r\n", " ", "\x00", "\u2028", "0"))
        yield from (f"{start}{original}" for start in ("\n", " ", "\ufeff", "0"))
        yield from (original[:-1], original[1:], original.upper(), original.lower(), original * 2)
        yield original.translate(OTHER_DIGITS)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_CUSTOMER_IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | st.sampled_from(
    ["x" * 2048, "🙂" * 2048, "line\nbreak", "\x00"]
)
_SOURCES = st.from_regex(r"[A-Za-z][A-Za-z0-9+.-]{0,10}:[!-~]{1,20}", fullmatch=True)
_TRACEPARENTS = st.from_regex(  # an id of zeros is malformed (W3C Trace Context, 3.2.2)
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]", fullmatch=True
)
UTC_INSTANTS = st.datetimes(timezones=st.just(UTC))
SEQUENCES_OF_CHANGES = st.builds(
    lambda number, epoch: sequence.sequence(number, epoch=epoch),
    st.integers(0, 10**40 - 1),
    st.integers(1, 9999),
)
_SEQUENCES_OF_ALL = SEQUENCES_OF_CHANGES | st.just(sequence.UNCOUNTED)


@st.composite
def events(draw: st.DrawFn, major: int) -> CustomerStatusChanged:
    """Any event that this major version can say."""
    statuses = [one for one in Status if major == 2 or one is not Status.REMOVED]
    previous = draw(st.none() | st.sampled_from(statuses))
    of_v1 = Change.CREATED if previous is None else Change.CHANGED
    change = of_v1 if major == 1 else draw(st.sampled_from(Change))
    is_snapshot = change is Change.SNAPSHOT
    return CustomerStatusChanged(
        event_id=draw(st.uuids()),
        source=draw(_SOURCES),
        customer_id=draw(_CUSTOMER_IDS),
        sequence=draw(_SEQUENCES_OF_ALL if is_snapshot else SEQUENCES_OF_CHANGES),
        sequence_source=draw(st.sampled_from(SequenceSource)),
        schema_version=major,
        occurred_at=draw(UTC_INSTANTS),
        status=draw(st.sampled_from(statuses)),
        previous_status=previous,
        reason=None
        if major == 1
        else draw(st.none() | st.text("RÉ🙂\n", min_size=1, max_size=128)),
        change=change,
        changed_at=draw(UTC_INSTANTS),
        traceparent=draw(st.none() | _TRACEPARENTS),
        repairs=draw(st.none() | _SEQUENCES_OF_ALL) if is_snapshot else None,
    )


ANY_EVENT = st.sampled_from([1, 2]).flatmap(events)


_PATHS = [path for major in (2, 1) for path in field_paths(full_document(major))]


@st.composite
def documents_near_the_schema(draw: st.DrawFn) -> dict[str, Any]:
    """A valid document with up to three fields made wrong, odd or absent."""
    document = to_document(draw(ANY_EVENT))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_PATHS))
        original = document
        for name in path:
            original = original.get(name) if isinstance(original, dict) else None
        value = draw(st.sampled_from(list(near_values(original))) | JSON_VALUES)
        if isinstance(document.get("data"), dict) or len(path) == 1:
            document = changed(document, path, value)
    return document
