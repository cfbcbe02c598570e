from typing import get_args

import pytest

from customer_events import wire_models
from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource
from customer_events.wire_models import DataV1, DataV2, Envelope


def test_the_words_on_the_wire_are_those_of_the_code():
    assert get_args(wire_models.StatusText) == tuple(Status)
    assert get_args(wire_models.ChangeText) == tuple(Change)
    assert get_args(Envelope.model_fields["sequencesource"].annotation) == tuple(SequenceSource)
    assert {*get_args(wire_models.StatusTextV1), "REMOVED"} == set(Status)


@pytest.mark.parametrize("model", [Envelope, DataV1, DataV2])
def test_a_model_is_strict_about_types_tolerant_of_fields_and_frozen(model):
    assert model.model_config["strict"]
    assert model.model_config["extra"] == "ignore"
    assert model.model_config["frozen"]
