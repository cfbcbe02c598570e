import pytest

from customer_events import sequence
from customer_events.sequence import UNCOUNTED, SequenceSource


def test_a_stream_number_is_padded_to_40_digits_behind_its_epoch():
    padded = sequence.sequence("820400000000000001192334", epoch=1)
    assert padded == "0001.0000000000000000820400000000000001192334"


def test_a_snapshot_without_a_counter_sorts_below_every_change():
    assert UNCOUNTED == "0000." + "0" * 40
    assert sequence.sequence(0, epoch=1) > UNCOUNTED


@pytest.mark.parametrize(
    "number",
    ["", " 7", "7 ", "7\n", "+7", "-7", -1, "7.0", "1e3", "0x7", "\u0667", "1" * 41, 10**40, True],
)
def test_what_is_no_whole_number_of_up_to_40_digits_is_refused(number):
    with pytest.raises(ValueError, match="1 to 40 digits"):
        sequence.sequence(number, epoch=1)


@pytest.mark.parametrize("epoch", [0, -1, 10_000])
def test_an_epoch_outside_1_to_9999_is_refused(epoch):
    with pytest.raises(ValueError, match="epoch from 1 to 9999"):
        sequence.sequence(7, epoch=epoch)


@pytest.mark.parametrize("epoch", [1, 9999])
def test_the_first_and_the_last_epoch_are_accepted(epoch):
    assert sequence.sequence(7, epoch=epoch).startswith(f"{epoch:04}.")


def test_parse_takes_a_sequence_as_it_is():
    text = "0001." + "0" * 39 + "7"
    assert sequence.parse(text) == text
    assert sequence.parse(UNCOUNTED) == UNCOUNTED


@pytest.mark.parametrize(
    "text",
    ["", "7", "0001.7", "0001-" + "0" * 40, "0001." + "0" * 40 + "\n", "0001." + "\u0660" * 40],
)
def test_parse_refuses_another_form(text):
    with pytest.raises(ValueError, match=r"EPOCH\.NUMBER"):
        sequence.parse(text)


def test_all_sequences_of_an_epoch_share_its_prefix_and_no_other_does():
    prefix = sequence.epoch_prefix(sequence.sequence(7, epoch=12))
    assert prefix == "0012."
    assert sequence.sequence("9" * 40, epoch=12).startswith(prefix)
    assert not sequence.sequence(7, epoch=120).startswith(prefix)


def test_the_sources_of_a_sequence_are_the_stream_and_a_version_counter():
    assert [*SequenceSource] == ["stream", "version"]
