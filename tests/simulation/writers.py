"""Who writes to the Accounts table: its service, its TTL, and hands that err."""

from random import Random

from simulation.accounts import Accounts, Item
from simulation.truth import STATUSES, Change, Truth

KINDS = ("status", "touch", "nothing", "remove", "ttl", "number", "unknown", "missing", "uncounted")
_BAD = {"number": {"N": "7"}, "unknown": {"S": "FROZEN"}, "missing": None}

_WITHOUT_STATUS_MAX = 4
"""In a history: five in a row with none read well would be a wrong setting, not bad records."""


class Writers:
    """`epoch` is the publisher's, which gives a change its place in the order."""

    def __init__(self, accounts: Accounts, truth: Truth, *, counted: bool) -> None:
        self._accounts = accounts
        self._truth = truth
        self._counted = counted
        self._versions: dict[str, int] = {}
        self._without_status = 0
        self.epoch = 1

    def write(self, customer: str, kind: str, dice: Random) -> str:
        """One write; a sentence about it."""
        old = self._accounts.items.get(customer)
        if kind in {"remove", "ttl", "touch", "nothing", "uncounted"} and old is None:
            kind = "status"
        lacks_status = kind == "missing" or (kind == "touch" and _status(old) is None)
        if lacks_status and self._without_status == _WITHOUT_STATUS_MAX:
            kind, lacks_status = "status", False
        self._without_status += lacks_status
        if kind == "nothing":
            self._accounts.write(customer, dict(old or {}), dice)
            return f"{customer} is written as it was"
        new = None if kind in {"remove", "ttl"} else self._item(customer, old, kind, dice)
        record = self._accounts.write(customer, new, dice)
        if record is None:
            return f"{customer} is written as it was"
        if kind == "ttl":
            record.body["userIdentity"] = {
                "type": "Service",
                "principalId": "dynamodb.amazonaws.com",
            }
        if new is None:  # a removal counts one, so what is created again starts two above
            self._versions[customer] = self._versions.get(customer, 0) + 1
        before, after = _status(old), _status(new)
        if before == after and old is not None and new is not None and not lacks_status:
            return f"{customer} is written, its status left alone"
        change = Change(
            customer=customer,
            index=self._truth.last_index(customer) + 1,
            at=record.at,
            status="REMOVED" if new is None else _text(after),
            previous=_known(before),
            kind="created" if old is None else "removed" if new is None else "changed",
            epoch=self.epoch,
            number=self._versions[customer] if self._counted else record.number,
            generation=self._accounts.generation,
            record=record,
            why_not=self._why_not("missing" if lacks_status else kind),
        )
        self._truth.note_change(change)
        return str(change)

    def restore(self) -> None:
        """The table comes back from a backup; its counters begin anew."""
        self._accounts.restore()
        for item in self._accounts.items.values():
            if self._counted:
                item["version"] = {"N": "0"}
        self._versions = dict.fromkeys(self._versions, 0)

    def fail_over(self, lag_seconds: float) -> None:
        """Another replica's stream is published, in the next epoch; the items stay as they are."""
        self.epoch += 1
        for original, record in self._accounts.fail_over(lag_seconds):
            change = self._truth.by_record.get(original.number)
            if change is not None:
                copy = change.copy(
                    record,
                    epoch=self.epoch,
                    number=change.number if self._counted else record.number,
                    generation=self._accounts.generation,
                )
                self._truth.note_copy(copy)

    # Private functions

    def _item(self, customer: str, old: Item | None, kind: str, dice: Random) -> Item:
        item = dict(old or {})
        if kind == "touch":
            item["note"] = {"S": str(dice.getrandbits(32))}
        elif kind in _BAD:
            bad = _BAD[kind]
            item.pop("status", None)
            if bad is not None:
                item["status"] = bad
        else:
            current = _known(_status(old))
            item["status"] = {"S": dice.choice([one for one in STATUSES if one != current])}
            if dice.random() < 0.3:
                item["status_reason"] = {"S": "R-" + str(dice.randrange(100))}
        if self._counted and kind != "uncounted":
            self._versions[customer] = self._versions.get(customer, 0) + 1
            item["version"] = {"N": str(self._versions[customer])}
        if kind == "uncounted":
            self._truth.uncounted = self._truth.uncounted or self._counted
        return item

    def _why_not(self, kind: str) -> str:
        if kind == "uncounted":
            return "VersionDidNotRise" if self._counted else ""
        return kind if kind in _BAD else ""


# Private functions


def _status(item: Item | None) -> dict[str, str] | None:
    return item.get("status") if item else None


def _known(status: dict[str, str] | None) -> str | None:
    text = status.get("S") if status else None
    return text if text in STATUSES else None


def _text(status: dict[str, str] | None) -> str:
    return next(iter(status.values())) if status else ""
