import pytest

from customer_events.event import Status
from payments_consumer.standing import Standing, attributes, standing
from unit.event_consumer.consumer_samples import live


def test_an_active_customer_may_pay():
    assert standing(Status.ACTIVE) is Standing.ALLOWED


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.ACTIVE])
def test_any_other_customer_may_not(status):
    assert standing(status) is Standing.BLOCKED


@pytest.mark.parametrize(("status", "payments"), [("ACTIVE", "ALLOWED"), ("CLOSED", "BLOCKED")])
def test_the_rule_adds_one_attribute_to_the_row(status, payments):
    assert attributes(live(1, Status(status))) == {"payments": payments}
