"""What operators' commands promise, judged apart from them."""

from collections.abc import Iterable, Mapping

from fanout.runs.ledger import Item, State
from simulation.accounts import Accounts
from simulation.broken import GuaranteeBroken
from simulation.checkers import NOTHING_INVENTED, NOTHING_LOST, PARKED_WHOLE, REPORTS_TRUE, SEEDED
from simulation.faults import Setting
from simulation.queues import QueuedMessage
from simulation.subscriber import Subscriber
from simulation.truth import Truth, customer_item, status_of

_DONE_WITH = frozenset({"SENT", "APPLIED", "DUPLICATE", "STALE"})


class CommandChecks:
    def __init__(self, truth: Truth, setting: Setting) -> None:
        self._truth = truth
        self._setting = setting
        self._readings: dict[str, list[str]] = {}
        self._ever_dead: dict[str, set[str]] = {}

    def died(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """A message came into a subscriber's DLQ."""
        self._ever_dead.setdefault(subscriber.name, set()).add(message.body)

    def arrived(self, subscriber: Subscriber, message: QueuedMessage) -> None:
        """An operator sent something to a subscriber's queue."""
        told = self._truth.told_by(message.body)
        if message.origin != "operator":
            return
        if told is not None and told.reading is not None:
            self._readings.setdefault(subscriber.name, []).append(told.customer)
            return
        # One command may send what another has deleted while the first one's call took minutes.
        if message.body in self._ever_dead.get(subscriber.name, ()):
            return
        if '"snapshot"' in message.body:
            raise GuaranteeBroken(NOTHING_INVENTED, "an operator sent what nobody has read")
        raise GuaranteeBroken(
            PARKED_WHOLE, f"an operator sent {told or 'something'} that no dead message says"
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
        return len(self._readings.get(subscriber.name, ()))

    def seeded(
        self,
        subscriber: Subscriber,
        customers: Mapping[str, int],
        accounts: Accounts,
        *,
        since: int,
    ) -> None:
        """A backfill is done: of whoever was there from its beginning a reading was sent.

        Who was gone for a while, or could not be read, may have been passed over.
        """
        sent = set(self._readings.get(subscriber.name, ())[since:])
        for customer, index in customers.items():
            item = customer_item(accounts.items.get(customer))
            since_then = self._truth.changes.get(customer, [])[max(0, index - 1) :]
            was_away = any(one.kind == "removed" or one.why_not for one in since_then)
            if item is None or was_away or status_of(item) is None:
                continue
            if customer not in sent:
                raise GuaranteeBroken(
                    SEEDED, f"{subscriber.name} was seeded, and was told nothing of {customer}"
                )
