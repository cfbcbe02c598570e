import pytest

from fanout.accounts.reconcile import find_adapter, find_rule
from fanout.errors import WrongUse
from payments_consumer.standing import attributes
from sentinel.compare import guarded_table_rows


def test_payments_has_a_rule_and_others_have_none_unless_named():
    assert find_rule("payments", None) is attributes
    assert find_rule("nobody", None) is None
    assert find_rule("nobody", "payments_consumer.standing:attributes") is attributes
    assert find_rule("payments", "none") is None


@pytest.mark.parametrize("named", ["nowhere:rule", "payments_consumer.standing:gone", "x", ":"])
def test_a_rule_that_is_not_there_is_named(named):
    with pytest.raises(WrongUse, match="--rule"):
        find_rule("payments", named)


def test_a_rule_that_is_no_function_is_named():
    with pytest.raises(WrongUse, match="no function"):
        find_rule("payments", "payments_consumer.standing:__doc__")


def test_the_kits_tables_have_an_adapter_and_others_bring_one():
    place = "sentinel.compare:guarded_table_rows"
    assert find_adapter(None) is find_adapter(place) is guarded_table_rows
    with pytest.raises(WrongUse, match="--adapter"):
        find_adapter("nowhere:rows")
