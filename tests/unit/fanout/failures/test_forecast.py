import pytest

from fanout.failures import records as module
from fanout.failures.records import forecast
from publisher.transitions import TableRules
from unit.publisher.stream_record_samples import record


@pytest.mark.parametrize("surprise", [KeyError, IndexError, TypeError, ValueError, AttributeError])
def test_a_record_that_no_code_foresaw_is_told_by_its_type_and_line_and_never_by_its_text(
    monkeypatch, surprise
):
    def raises(*_):
        raise surprise("secret")

    monkeypatch.setattr(module, "detect", raises)
    found = forecast(record("ACTIVE", "CLOSED"), TableRules())
    assert (found.would, found.reason) == ("refuse", "UnexpectedError")
    line = raises.__code__.co_firstlineno + 1
    assert f"a {surprise.__name__} at failures/test_forecast.py:{line} < " in found.expected
    assert "secret" not in found.expected
