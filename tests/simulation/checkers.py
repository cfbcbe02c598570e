"""One checker per guarantee, apart from the system: they know the truth and see every effect.

Names of guarantees, which broken variants and `docs/guarantees.md` refer to, are those below.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from event_consumer.failures import SUSPECT_RECEIVES
from fanout.runs.ledger import Item, State
from simulation.accounts import Accounts
from simulation.bucket import BucketClient
from simulation.bus import Topic
from simulation.faults import Setting
from simulation.queues import QueuedMessage
from simulation.subscriber import Subscriber
from simulation.tables import Row
from simulation.truth import Change, Fact, Truth, customer_item, status_of

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
_DONE_WITH = frozenset({"SENT", "APPLIED", "DUPLICATE", "STALE"})
SNAPSHOT_TOLERANCE = timedelta(seconds=5)
"""A change that was stamped this little before a snapshot may still be applied over it, and two
snapshots that claim to be this close may have been made the other way round."""
BOUND_SECONDS = 900.0 + 60.0 + 60.0 + 60.0
"""Fifteen minutes of patience, one invocation, one pause of the mapping, and their rounding."""


class GuaranteeBroken(BaseException):
    """A guarantee does not hold. No `except Exception` of the code under test can hide it.

    `guarantee` is the checker's name, as the README of the guarantees lists them.
    """

    def __init__(self, guarantee: str, sentence: str) -> None:
        super().__init__(f"{guarantee}: {sentence}")
        self.guarantee = guarantee
        self.sentence = sentence


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
        """What the log calls a message."""
        return str(self._truth.fact_of(body) or "poison")

    # The publisher's side

    def published(self, body: str, to: frozenset[str]) -> None:
        """The topic took a message."""
        fact = self._truth.fact_of(body)
        if fact is None or fact.change is None:
            raise GuaranteeBroken(NOTHING_INVENTED, "an event was published that reports no change")
        change, major = fact.change, fact.major
        self._check_identity(fact)
        document = json.loads(body)
        data = document["data"]
        says = (
            (data["old_status"], data["new_status"])
            if major == 1
            else (data["previous_status"], data["status"])
        )
        if says != (change.previous_in(major), change.status_in(major)):
            raise GuaranteeBroken(NOTHING_INVENTED, f"{fact} was published as {says}")
        if major == 2 and data["change"] != change.kind:
            raise GuaranteeBroken(NOTHING_INVENTED, f"{fact} was published as {data['change']}")
        change.published.add(major)
        wanted = frozenset(one.name for one in self.subscribers if one.wants(change, major))
        if to != wanted:
            raise GuaranteeBroken(
                FILTERS_HOLD, f"{fact} went to {sorted(to)}, and was wanted by {sorted(wanted)}"
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
        fact = self._truth.fact_of(message.body)
        if message.origin != "topic" or fact is None or fact.change is None:
            return
        if not subscriber.wants(fact.change, fact.major):
            raise GuaranteeBroken(FILTERS_HOLD, f"{subscriber.name} got {fact}, unwanted")
        key = (subscriber.name, fact.event_id)
        if not self._setting.fifo or key in self._seen:
            return
        self._seen.add(key)
        if fact.change.record.body["eventID"] in self._bucket.ever_held:
            return  # it was parked once, and then came after all
        newest = self._arrived.setdefault(subscriber.name, {})
        epoch_of = (fact.customer, fact.epoch)  # a failover publishes all of it again
        if newest.get(epoch_of, 0) > fact.index:
            raise GuaranteeBroken(FIFO_ORDER, f"{fact} first came after change {newest[epoch_of]}")
        newest[epoch_of] = fact.index

    def wrote(self, subscriber: Subscriber, before: Row | None, after: Row) -> None:
        """A row changed."""
        now = self._truth.fact_of_row(after)
        status = after["status"]["S"]
        if now is None:
            raise GuaranteeBroken(ROWS_ARE_TRUE, "a row was written from no known change")
        true = now.change.status_in(now.major) if now.change else now.snapshot.status
        if status != true:
            raise GuaranteeBroken(ROWS_ARE_TRUE, f"a row says {status} for {now}, which is {true}")
        if (after["payments"]["S"] == "ALLOWED") != (status == "ACTIVE"):
            raise GuaranteeBroken(ROWS_ARE_TRUE, f"payments are {after['payments']} in {status}")
        self._left_epoch.wrote(subscriber.name, now)
        if before is None:
            return
        then = self._truth.fact_of_row(before)
        if then is not None and self._goes_back(then, now):
            raise GuaranteeBroken(
                NEVER_BACKWARDS, f"{subscriber.name}'s row went from {then} back to {now}"
            )

    def acknowledged(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """A message left a subscriber's queue for good."""
        fact = self._truth.fact_of(message.body)
        if subscriber.still_has(message.body):
            return
        if fact is None:
            raise GuaranteeBroken(
                NOTHING_LOST, f"a poison message of {subscriber.name} was acknowledged, not parked"
            )
        row = subscriber.fact_of_row(fact.customer, self._truth)
        if row is not None and (fact.snapshot is not None or self._covers(row, fact)):
            return
        if row is not None and self._left_epoch.excuses(subscriber.name, row, fact):
            return
        if row is not None and _published_again(row, fact) and _hardly_newer(fact, row):
            return
        if fact.snapshot is not None and json.loads(message.body).get("repairs"):
            return  # a repair makes no row
        raise GuaranteeBroken(
            NOTHING_LOST,
            f"{subscriber.name} acknowledged {fact} while its row holds {row or 'nothing'}",
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
        fact = self._truth.fact_of(message.body)
        doubtful = self._truth.unraised_generations or self._truth.uncounted
        if fact is not None and fact.change is not None and fact.change.copies:
            doubtful = True  # from before a failover: it may meet a row of the next epoch
        if fact is not None and reason == "KeepsFailing":
            self._check_evidence(fact, message, originals)
        elif reason == "BehindParkedEvent" and self.parks_by_customer:
            return
        elif fact is not None and not (reason == "OrderContradiction" and doubtful):
            raise GuaranteeBroken(ONLY_POISON_IS_PARKED, f"{fact} was parked as {reason}")

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
        self, fact: Fact, message: QueuedMessage, originals: Mapping[str, QueuedMessage]
    ) -> None:
        """On its last receive anything may be parked; before, only what met a fault of its own."""
        receives = max(one.receives for one in originals.values() if one.body == message.body)
        suspected = receives >= SUSPECT_RECEIVES and self.refusals_expected
        if receives < self._setting.receives_max and not suspected:
            raise GuaranteeBroken(
                ONLY_POISON_IS_PARKED, f"{fact} was given up after {receives} receives"
            )

    def _check_identity(self, fact: Fact) -> None:
        assert fact.change is not None
        first = fact.change.ids.setdefault(fact.major, fact.event_id)
        if first != fact.event_id:
            raise GuaranteeBroken(ONE_IDENTITY, f"{fact} was published under two ids")
        owner = self._truth.ids.setdefault(fact.event_id, (fact.change, fact.major))
        if owner != (fact.change, fact.major) and not self._truth.unraised_generations:
            raise GuaranteeBroken(ONE_IDENTITY, f"{fact} has the id of {owner[0]}")

    def _covers(self, row: Fact, fact: Fact) -> bool:
        """Whether what a row holds supersedes a change, or is it."""
        if row.change is not None and row.change is fact.change:
            return row.major >= fact.major
        return row.index >= fact.index

    def _goes_back(self, then: Fact, now: Fact) -> bool:
        published_again = now.epoch > then.epoch and now.change is not None
        if now.index > then.index or (published_again and _hardly_newer(then, now)):
            return False  # what a failover publishes again, the customer's newer changes follow
        if now.index == then.index:
            return bool(then.change and now.change and now.major < then.major)
        if self._truth.unraised_generations:
            return False  # the order's own assumption was broken: an operator left the epoch
        if then.snapshot is not None and now.change is not None and not then.snapshot.counted:
            before = then.snapshot.at.timestamp() - now.change.second
            return before > SNAPSHOT_TOLERANCE.total_seconds()
        if then.snapshot is not None and now.snapshot is not None and not now.snapshot.counted:
            claims = now.snapshot.at - then.snapshot.at
            return not timedelta(0) < claims <= SNAPSHOT_TOLERANCE
        return True


class LeftEpoch:
    """The limits that `docs/guarantees.md` names under "Never backwards"."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._stored: set[tuple[str, str, int]] = set()

    def wrote(self, subscriber: str, now: Fact) -> None:
        self._stored.add((subscriber, now.customer, now.index))

    def excuses(self, subscriber: str, row: Fact, fact: Fact) -> bool:
        """Whether a change may be gone although the row holds an older one.

        It was stored, and a late change of the old counter then won by its larger number; or the
        times hardly differ; or it is an older major version under the row's number, and the newer
        one follows it.
        """
        if not self._truth.unraised_generations or fact.change is None:
            return False
        if (subscriber, fact.customer, fact.index) in self._stored:
            return True
        if row.number == fact.change.number and fact.major < row.major:
            return True
        held = row.change.second if row.change else row.snapshot.at.timestamp()
        return fact.change.second - held <= SNAPSHOT_TOLERANCE.total_seconds()


class Bound:
    """Watches a publisher that lives on, while the mapping is read without a pause."""

    def __init__(self, truth: Truth, topic: Topic) -> None:
        self._truth = truth
        self._topic = topic
        self._since: dict[int, float] = {}
        self.is_watching = False

    def forget(self) -> None:
        """The publisher starts anew, and its patience with it."""
        self._since = {}

    def answered(self, numbers: list[int], failed_from: int | None, now: float) -> None:
        """An invocation ended: the records from one number on come again, or none."""
        if not self.is_watching:
            return
        head = None if failed_from is None else self._truth.by_record.get(failed_from)
        if head is None or head.customer not in self._topic.cursed:
            return
        if not any(self._is_beside(head, number) for number in numbers):
            return
        since = self._since.setdefault(head.record.number, now)
        if now - since > BOUND_SECONDS:
            raise GuaranteeBroken(
                BOUNDED, f"{head} has held up those beside it for {now - since:.0f} seconds"
            )

    # Private functions

    def _is_beside(self, head: Change, number: int) -> bool:
        """Another customer's change, later in the same batch: it is published time and again."""
        change = self._truth.by_record.get(number)
        return (
            change is not None
            and number > head.record.number
            and change.customer not in self._topic.cursed
            and not change.why_not
        )


class CommandChecks:
    """What operators' commands promise."""

    def __init__(self, truth: Truth, setting: Setting) -> None:
        self._truth = truth
        self._setting = setting
        self._snapshots: dict[str, list[str]] = {}
        self._ever_dead: dict[str, set[str]] = {}

    def died(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """A message came into a subscriber's DLQ."""
        self._ever_dead.setdefault(subscriber.name, set()).add(message.body)

    def arrived(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """An operator sent something to a subscriber's queue."""
        fact = self._truth.fact_of(message.body)
        if message.origin != "operator":
            return
        if fact is not None and fact.snapshot is not None:
            self._snapshots.setdefault(subscriber.name, []).append(fact.customer)
            return
        # One command may send what another has deleted while the first one's call took minutes.
        if message.body in self._ever_dead.get(subscriber.name, ()):
            return
        if '"snapshot"' in message.body:
            raise GuaranteeBroken(NOTHING_INVENTED, "an operator sent what nobody has read")
        raise GuaranteeBroken(
            PARKED_WHOLE, f"an operator sent {fact or 'something'} that no dead message says"
        )

    def failures_gone(self, record_ids: frozenset[str]) -> None:
        """These stream records left the failure store for good."""
        for record_id in sorted(record_ids):
            change = self._truth.by_record.get(int(record_id[4:], 16))
            if change is None:
                continue
            missing = set(self._setting.majors) - change.published
            if change.why_not or missing:
                raise GuaranteeBroken(
                    NOTHING_LOST,
                    f"{change} left the failure store, and was never published whole",
                )

    def replayed(self, subscriber: Subscriber, items: Iterable[Item]) -> None:
        """A replay says how each message ended."""
        for item in items:
            if item.state is not State.ENDED or item.end not in _DONE_WITH:
                continue
            if item.id in subscriber.dlq.messages:
                raise GuaranteeBroken(
                    REPORTS_TRUE, f"a replay reports {item.end} of a message that is still dead"
                )

    def snapshots_so_far(self, subscriber: Subscriber) -> int:
        return len(self._snapshots.get(subscriber.name, ()))

    def seeded(
        self,
        subscriber: Subscriber,
        customers: Mapping[str, int],
        accounts: Accounts,
        *,
        since: int,
    ) -> None:
        """A backfill is done: of whoever was there from its beginning a snapshot was sent.

        Who was gone for a while, or could not be read, may have been passed over.
        """
        sent = set(self._snapshots.get(subscriber.name, ())[since:])
        for customer, index in customers.items():
            item = customer_item(accounts.items.get(customer))
            since_then = self._truth.changes.get(customer, [])[max(0, index - 1) :]
            was_away = any(one.kind == "removed" or one.why_not for one in since_then)
            if item is None or was_away or status_of(item) is None:
                continue
            if customer not in sent:
                raise GuaranteeBroken(
                    SEEDED, f"{subscriber.name} was seeded, and got nothing of {customer}"
                )


# Private functions


def _hardly_newer(one: Fact, other: Fact) -> bool:
    return one.second - other.second <= SNAPSHOT_TOLERANCE.total_seconds()


def _published_again(row: Fact, fact: Fact) -> bool:
    """Whether a change from before a failover is published again, in the epoch of the row."""
    return fact.change is not None and any(one.epoch == row.epoch for one in fact.change.copies)
