from types import SimpleNamespace

import pytest

from sentinel.pace import Pace
from sentinel.table import AccountsTable, TableFacts

ANSWER = {
    "Responses": {"accounts": []},
    "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 23 Nov 2026 09:30:00 GMT"}},
}


@pytest.mark.parametrize(("item_bytes", "seconds"), [(0, 2), (400, 2), (4096, 2), (9000, 6)])
def test_look_ups_count_against_the_read_rate_by_the_average_item(item_bytes, seconds):
    waits = []
    facts = TableFacts(
        name="accounts",
        item_count=10,
        size_bytes=10 * item_bytes,
        id_attribute="customer_id",
        id_type="S",
        sort_key=None,
    )
    client = SimpleNamespace(batch_get_item=lambda **_: ANSWER)
    pace = Pace(50, wait=waits.append, monotonic=lambda: 0.0)
    accounts = AccountsTable(client, facts, SimpleNamespace(attributes=["status"]), pace)
    for _ in range(2):
        accounts.lookup([f"c-{number}" for number in range(100)])
    assert waits == [seconds]
