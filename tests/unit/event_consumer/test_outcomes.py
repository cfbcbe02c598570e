import pytest

from customer_events.errors import NotJson
from event_consumer.outcomes import Handled, Outcome


def test_an_answer_can_not_say_parked_without_a_reason():
    with pytest.raises(ValueError, match="reason"):
        Handled(outcome=Outcome.PARKED)


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.PARKED])
def test_an_answer_can_not_give_a_reason_for_parking_with_another_outcome(outcome):
    with pytest.raises(ValueError, match="reason"):
        Handled(outcome=outcome, reason=NotJson("expected JSON"))
