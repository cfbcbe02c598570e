from customer_events.event import Change, Status
from customer_events.sequence import UNCOUNTED
from event_consumer.order_guard import Kind, judge, kind
from fanout.accounts.snapshots import snapshot_event
from unit.fanout.backfill_samples import SOURCE, at, position, row, snapshot


def test_a_snapshot_stands_below_every_live_event():
    event = snapshot_event(snapshot(reason="FRAUD"), SOURCE)
    assert event.sequence == UNCOUNTED
    assert (event.change, event.previous_status, event.reason) == (Change.SNAPSHOT, None, "FRAUD")
    assert event.occurred_at == event.changed_at == at(0.25)
    assert kind(event) is Kind.SNAPSHOT


def test_a_snapshot_tells_when_the_status_changed_where_the_table_knows():
    assert snapshot_event(snapshot(changed_at=at(-99)), SOURCE).changed_at == at(-99)


def test_each_read_of_a_customer_has_its_own_id_and_the_same_read_the_same():
    ids = {
        snapshot_event(snapshot(read_at=at(seconds)), SOURCE).event_id
        for seconds in (0.25, 0.25, 9.25)
    }
    assert len(ids) == 2


def test_a_repair_applies_to_the_row_that_it_saw_and_to_no_other():
    event = snapshot_event(snapshot(status=Status.CLOSED), SOURCE, repairs=position(7))
    assert judge(row(), event) is None
    assert judge(row(sequence=position(8)), event).outcome == "STALE"
    assert judge(None, event).outcome == "STALE"


def test_where_accounts_counts_higher_a_repair_competes_by_its_place():
    event = snapshot_event(snapshot(sequence=position(9)), SOURCE, repairs=position(7))
    assert (event.repairs, event.sequence) == (None, position(9))


def test_where_accounts_counts_the_same_a_repair_names_the_row():
    event = snapshot_event(snapshot(sequence=position(7)), SOURCE, repairs=position(7))
    assert (event.repairs, event.sequence) == (position(7), UNCOUNTED)
