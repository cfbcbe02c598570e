"""Who writes to the Accounts table: its service, its TTL, and hands that err."""

from random import Random

from simulation.accounts import Accounts, Item
from simulation.faults import Setting
from simulation.truth import (
    CUSTOMER,
    LEAD,
    OWN_STATUSES,
    STATUSES,
    Change,
    Truth,
    customer_item,
    status_of,
)

KINDS = ("status", "touch", "nothing", "remove", "ttl", "number", "unknown", "missing", "uncounted")
_BAD = {"number": {"N": "7"}, "unknown": {"S": "FROZEN"}, "missing": None}

_WITHOUT_STATUS_MAX = 4
"""In a history: five in a row with none read well would be a wrong setting, not bad records."""


class Writers:
    """`epoch` is the publisher's, which gives a change its place in the order."""

    def __init__(self, accounts: Accounts, truth: Truth, setting: Setting) -> None:
        self._accounts = accounts
        self._truth = truth
        self._counted = setting.sequence_source == "version"
        self._entities = setting.entities
        self._words = tuple(OWN_STATUSES) if setting.own_statuses else STATUSES
        self._versions: dict[str, int] = {}
        self._without_status = 0
        self.epoch = 1

    def write(self, customer: str, kind: str, dice: Random) -> str:
        """One write; a sentence about it."""
        old = self._accounts.items.get(customer)
        if kind in {"remove", "ttl", "touch", "nothing", "uncounted"} and old is None:
            kind = "status"
        lacks_status = kind == "missing" or (kind == "touch" and "status" not in (old or {}))
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
        before, after = customer_item(old), customer_item(new)
        if before is None and after is None:
            return f"{customer} is written, and is no customer"
        if before and after and _leaves_status_alone(before, after):
            return f"{customer} is written, its status left alone"
        change = Change(
            customer=customer,
            index=self._truth.last_index(customer) + 1,
            at=record.at,
            status=(status_of(after) or _text(after)) if after else "REMOVED",
            previous=status_of(before),
            kind="created" if before is None else "removed" if after is None else "changed",
            epoch=self.epoch,
            number=self._versions[customer] if self._counted else record.number,
            generation=self._accounts.generation,
            record=record,
            why_not=self._why_not(kind, after),
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
        if self._entities and (old is None or (kind not in _BAD and dice.random() < 0.3)):
            was_customer = customer_item(old) is not None
            item["kind"] = {"S": LEAD if was_customer or dice.random() < 0.3 else CUSTOMER}
        if kind == "touch":
            item["note"] = {"S": str(dice.getrandbits(32))}
        elif kind in _BAD:
            bad = _BAD[kind]
            item.pop("status", None)
            if bad is not None:
                item["status"] = bad
        else:
            current = old.get("status", {}).get("S") if old else None
            item["status"] = {"S": dice.choice([one for one in self._words if one != current])}
            if dice.random() < 0.3:
                item["status_reason"] = {"S": "R-" + str(dice.randrange(100))}
        if self._counted and kind != "uncounted":
            self._versions[customer] = self._versions.get(customer, 0) + 1
            item["version"] = {"N": str(self._versions[customer])}
        if kind == "uncounted":
            self._truth.uncounted = self._truth.uncounted or self._counted
        return item

    def _why_not(self, kind: str, after: Item | None) -> str:
        if kind == "uncounted" and self._counted:
            return "VersionDidNotRise"
        return "" if after is None or status_of(after) else f"the status is {_text(after)!r}"


# Private functions


def _leaves_status_alone(old: Item, new: Item) -> bool:
    """No item without a status does: that is how a mistyped setting looks."""
    if old.get("status") == new.get("status"):
        return "status" in new
    return status_of(new) is not None and status_of(new) == status_of(old)


def _text(item: Item) -> str:
    return next(iter(item.get("status", {"": ""}).values()))
