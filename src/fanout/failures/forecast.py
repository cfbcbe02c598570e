"""What would become of a record if it were published again now. Pure.

It goes by the contract of this version of the tool and by the settings that discovery tells; the
deployed function has the last word, and may be older or newer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from customer_events.tracebacks import where_raised
from fanout.failures.documents import Record
from publisher.reasons import BadRecord
from publisher.transitions import TableRules, detect


class Prospect(StrEnum):
    """What is to be expected."""

    PUBLISH = "publish"
    IGNORE = "ignore"
    """It holds no change of status."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A record's prospect; `reason`, `field` and `expected` where it would be refused."""

    prospect: Prospect
    reason: str = ""
    field: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How many records of an object would be published, ignored, refused; and why refused."""

    publish: int = 0
    ignore: int = 0
    refuse: int = 0
    reasons: tuple[str, ...] = ()


def forecast(record: Record, rules: TableRules) -> Forecast:
    """What would become of one record."""
    try:
        transition = detect(record, rules)
    except BadRecord as reason:
        return Forecast(
            prospect=Prospect.REFUSE,
            reason=reason.code,
            field=reason.field,
            expected=reason.expected,
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return Forecast(
            prospect=Prospect.REFUSE,
            reason="UnexpectedError",
            expected=f"no exception; there was a {where_raised(error)}",
        )
    return Forecast(prospect=Prospect.IGNORE if transition is None else Prospect.PUBLISH)


def outlook(records: Iterable[Record], rules: TableRules) -> Outlook:
    """What would become of all records of an object."""
    found: Sequence[Forecast] = [forecast(record, rules) for record in records]
    refused = [one for one in found if one.prospect is Prospect.REFUSE]
    return Outlook(
        publish=sum(one.prospect is Prospect.PUBLISH for one in found),
        ignore=sum(one.prospect is Prospect.IGNORE for one in found),
        refuse=len(refused),
        reasons=tuple(sorted({one.reason for one in refused})),
    )
