"""The sample that ships with the demo."""

from collections import Counter

from fanout.demo.changes import CHANGES, CUSTOMERS, Op, check


def test_it_holds_removals_creations_anew_touches_and_writes_that_change_nothing():
    items = {one.customer_id: one for one in check(CUSTOMERS)}
    seen = Counter()
    for change in check(CHANGES):
        before = items.get(change.customer_id)
        if change.op is Op.DELETE:
            assert before is not None
            del items[change.customer_id]
            seen["removed"] += 1
        elif change.op is Op.TOUCH:
            seen["touched"] += 1
        else:
            seen["created anew"] += before is None
            if before is not None and before.status == change.status:
                seen["nothing" if before.reason == change.reason else "reason alone"] += 1
            items[change.customer_id] = change
    kinds = ("removed", "created anew", "touched", "nothing", "reason alone")
    assert min(seen[kind] for kind in kinds) >= 10


def test_it_holds_bursts_of_one_customer_each_change_of_which_counts():
    runs, customer, status, length = 0, None, None, 0
    for change in check(CHANGES):
        counts = change.customer_id == customer and change.status not in {None, status}
        length = length + 1 if counts else 1
        runs += length == 8
        customer, status = change.customer_id, change.status
    assert runs >= 6
