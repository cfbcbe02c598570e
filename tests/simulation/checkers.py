"""One checker per guarantee, apart from the system: they know the truth and see every effect.

Names of guarantees, which broken variants and `docs/guarantees.md` refer to, are those below.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from event_consumer.failures import SUSPECT_RECEIVES
from simulation.broken import GuaranteeBroken
from simulation.bucket import BucketClient
from simulation.faults import Setting
from simulation.left_epoch import READING_TOLERANCE, LeftEpoch
from simulation.queues import QueuedMessage
from simulation.rows import Row
from simulation.subscriber import Subscriber
from simulation.truth import Told, Truth

NOTHING_LOST = "nothing lost"
NEVER_BACKWARDS = "never backwards"
ROWS_ARE_TRUE = "rows are true"
CONVERGES = "rows converge"
IDEMPOTENT = "idempotent"
ONE_IDENTITY = "one change, one identity"
NOTHING_INVENTED = "nothing invented"
ISOLATED = "isolated"
ONLY_POISON_IS_PARKED = "only poison is parked"
PARKED_WHOLE = "parked whole"
FILTERS_HOLD = "filters hold"
FIFO_ORDER = "order on FIFO"
COMES_TO_REST = "comes to rest"
SEEDED = "seeded whole"
BOUNDED = "poison is bounded"
REPORTS_TRUE = "reports are true"
COMMANDS_END = "commands end in a sentence"

_REFUSALS = {"RefusedByBus", "BusKeepsFailing"}


class Checkers:
    def __init__(self, truth: Truth, setting: Setting, bucket: BucketClient) -> None:
        self._truth = truth
        self._setting = setting
        self._bucket = bucket
        self.subscribers: list[Subscriber] = []
        self._arrived: dict[str, dict[tuple[str, int], int]] = {}
        self._seen: set[tuple[str, str]] = set()
        self._left_epoch = LeftEpoch(truth)
        self.refusals_expected = False
        self.parks_by_customer = False

    def name(self, body: str) -> str:
        """What a story calls a message."""
        return str(self._truth.told_by(body) or "poison")

    # The publisher's side

    def published(self, body: str, to: frozenset[str]) -> None:
        """The topic took a message."""
        told = self._truth.told_by(body)
        if told is None or told.change is None:
            raise GuaranteeBroken(NOTHING_INVENTED, "an event was published that tells no change")
        change, major = told.change, told.major
        self._check_identity(told)
        document = json.loads(body)
        data = document["data"]
        says = (
            (data["old_status"], data["new_status"])
            if major == 1
            else (data["previous_status"], data["status"])
        )
        if says != (change.previous_in(major), change.status_in(major)):
            raise GuaranteeBroken(NOTHING_INVENTED, f"{told} was published as {says}")
        if major == 2 and data["change"] != change.kind:
            raise GuaranteeBroken(NOTHING_INVENTED, f"{told} was published as {data['change']}")
        change.published.add(major)
        wanted = frozenset(one.name for one in self.subscribers if one.wants(change, major))
        if to != wanted:
            raise GuaranteeBroken(
                FILTERS_HOLD, f"{told} went to {sorted(to)}, and was wanted by {sorted(wanted)}"
            )

    def checkpoint(self, numbers: list[int]) -> None:
        """The mapping will not show these records again."""
        for number in numbers:
            change = self._truth.by_record.get(number)
            if change is None or change.record.body["eventID"] in self._bucket.held:
                continue
            if change.why_not:
                raise GuaranteeBroken(
                    NOTHING_LOST,
                    f"{change} can't be published ({change.why_not}), and its record passed the "
                    "checkpoint without being parked",
                )
            missing = set(self._setting.majors) - change.published
            if missing:
                raise GuaranteeBroken(
                    NOTHING_LOST,
                    f"the record of {change} passed the checkpoint, and v{min(missing)} of it was "
                    "never published",
                )

    def parked_record(self, document: dict[str, Any]) -> None:
        """The publisher put a record into the failure store."""
        record = document["record"]
        number = int(record["dynamodb"]["SequenceNumber"])
        change = self._truth.by_record.get(number)
        if change is None:
            raise GuaranteeBroken(ONLY_POISON_IS_PARKED, "a record without a change was parked")
        if record != change.record.body:
            raise GuaranteeBroken(PARKED_WHOLE, f"the record of {change} was parked altered")
        allowed = _REFUSALS if self.refusals_expected else set()
        if not change.why_not and document["reason"] not in allowed:
            raise GuaranteeBroken(
                ONLY_POISON_IS_PARKED, f"{change} was parked as {document['reason']}"
            )

    # A subscriber's side

    def arrived(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """A message came into a subscriber's queue."""
        told = self._truth.told_by(message.body)
        if message.origin != "topic" or told is None or told.change is None:
            return
        if not subscriber.wants(told.change, told.major):
            raise GuaranteeBroken(FILTERS_HOLD, f"{subscriber.name} got {told}, unwanted")
        key = (subscriber.name, told.event_id)
        if not self._setting.fifo or key in self._seen:
            return
        self._seen.add(key)
        if told.change.record.body["eventID"] in self._bucket.ever_held:
            return  # it was parked once, and then came after all
        newest = self._arrived.setdefault(subscriber.name, {})
        epoch_of = (told.customer, told.epoch)  # a failover tells all of it once more
        if newest.get(epoch_of, 0) > told.index:
            raise GuaranteeBroken(FIFO_ORDER, f"{told} first came after change {newest[epoch_of]}")
        newest[epoch_of] = told.index

    def wrote(self, subscriber: Subscriber, before: Row | None, after: Row) -> None:
        """A row changed."""
        now = self._truth.told_by_row(after)
        status = after["status"]["S"]
        if now is None:
            raise GuaranteeBroken(ROWS_ARE_TRUE, "a row was written that tells no change")
        true = now.change.status_in(now.major) if now.change else now.reading.status
        if status != true:
            raise GuaranteeBroken(ROWS_ARE_TRUE, f"a row says {status} for {now}, which is {true}")
        if (after["payments"]["S"] == "ALLOWED") != (status == "ACTIVE"):
            raise GuaranteeBroken(ROWS_ARE_TRUE, f"payments are {after['payments']} in {status}")
        self._left_epoch.wrote(subscriber.name, now)
        if before is None:
            return
        then = self._truth.told_by_row(before)
        if then is not None and self._goes_back(then, now):
            raise GuaranteeBroken(
                NEVER_BACKWARDS, f"{subscriber.name}'s row went from {then} back to {now}"
            )

    def acknowledged(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """A message left a subscriber's queue for good."""
        told = self._truth.told_by(message.body)
        if subscriber.still_has(message.body):
            return
        if told is None:
            raise GuaranteeBroken(
                NOTHING_LOST, f"a poison message of {subscriber.name} was acknowledged, not parked"
            )
        row = subscriber.told_by_row(told.customer, self._truth)
        if row is not None and (told.reading is not None or self._covers(row, told)):
            return
        if row is not None and self._left_epoch.excuses(subscriber.name, row, told):
            return
        if row is not None and _told_again(row, told) and _hardly_newer(told, row):
            return
        if told.reading is not None and json.loads(message.body).get("repairs"):
            return  # a repair makes no row
        raise GuaranteeBroken(
            NOTHING_LOST,
            f"{subscriber.name} acknowledged {told} while its row holds {row or 'nothing'}",
        )

    def parked_message(
        self, message: QueuedMessage, originals: Mapping[str, QueuedMessage]
    ) -> None:
        """A consumer put a message into its DLQ."""
        if all(one.body != message.body for one in originals.values()):
            raise GuaranteeBroken(PARKED_WHOLE, "a message was parked with another body")
        reason = message.attributes.get("parked_reason", {}).get("StringValue")
        note = json.loads(message.attributes.get("parked", {}).get("StringValue", "{}"))
        if not reason or not {"expected", "parked_at", "original_message_id"} <= note.keys():
            raise GuaranteeBroken(PARKED_WHOLE, "a message was parked without its reason")
        told = self._truth.told_by(message.body)
        doubtful = self._truth.unraised_generations or self._truth.uncounted
        if told is not None and told.change is not None and told.change.copies:
            doubtful = True  # from before a failover: it may meet a row of the next epoch
        if told is not None and reason == "KeepsFailing":
            self._check_evidence(told, message, originals)
        elif reason == "BehindParkedEvent" and self.parks_by_customer:
            return
        elif told is not None and not (reason == "OrderContradiction" and doubtful):
            raise GuaranteeBroken(ONLY_POISON_IS_PARKED, f"{told} was parked as {reason}")

    def answered(self, what: str, asked: set[str], answer: Any, met: list[str]) -> None:
        """A function answered a batch; `met` are the faults that its calls met."""
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        if not failed <= asked:
            raise GuaranteeBroken(ISOLATED, f"{what} named {sorted(failed - asked)}, not asked for")
        if failed and not met:
            raise GuaranteeBroken(
                ISOLATED, f"{what} failed {len(failed)} of {len(asked)} although no call failed"
            )

    # Private functions

    def _check_evidence(
        self, told: Told, message: QueuedMessage, originals: Mapping[str, QueuedMessage]
    ) -> None:
        """On its last receive anything may be parked; before, only what met a fault of its own."""
        receives = max(one.receives for one in originals.values() if one.body == message.body)
        suspected = receives >= SUSPECT_RECEIVES and self.refusals_expected
        if receives < self._setting.receives_max and not suspected:
            raise GuaranteeBroken(
                ONLY_POISON_IS_PARKED, f"{told} was given up after {receives} receives"
            )

    def _check_identity(self, told: Told) -> None:
        assert told.change is not None
        first = told.change.ids.setdefault(told.major, told.event_id)
        if first != told.event_id:
            raise GuaranteeBroken(ONE_IDENTITY, f"{told} was published under two ids")
        owner = self._truth.ids.setdefault(told.event_id, (told.change, told.major))
        if owner != (told.change, told.major) and not self._truth.unraised_generations:
            raise GuaranteeBroken(ONE_IDENTITY, f"{told} has the id of {owner[0]}")

    def _covers(self, row: Told, told: Told) -> bool:
        """Whether what a row holds supersedes a change, or is it."""
        if row.change is not None and row.change is told.change:
            return row.major >= told.major
        return row.index >= told.index

    def _goes_back(self, then: Told, now: Told) -> bool:
        told_again = now.epoch > then.epoch and now.change is not None
        if now.index > then.index or (told_again and _hardly_newer(then, now)):
            return False  # what a failover tells again, the customer's newer changes follow
        if now.index == then.index:
            return bool(then.change and now.change and now.major < then.major)
        if self._truth.unraised_generations:
            return False  # the order's own assumption was broken: an operator left the epoch
        if then.reading is not None and now.change is not None and not then.reading.counted:
            before = then.reading.at.timestamp() - now.change.second
            return before > READING_TOLERANCE.total_seconds()
        if then.reading is not None and now.reading is not None and not now.reading.counted:
            claims = now.reading.at - then.reading.at
            return not timedelta(0) < claims <= READING_TOLERANCE
        return True


# Private functions


def _hardly_newer(one: Told, other: Told) -> bool:
    return one.second - other.second <= READING_TOLERANCE.total_seconds()


def _told_again(row: Told, told: Told) -> bool:
    """Whether a change from before a failover is told again in the epoch that the row is in."""
    return told.change is not None and any(one.epoch == row.epoch for one in told.change.copies)
