import pytest

from fanout.streams.mapping import Done, Failed, read_answer

SEQUENCES = {"9", "10", "11"}


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}],
)
def test_an_answer_that_names_no_failure_is_success(answer):
    assert read_answer(answer, sequences=SEQUENCES) == Done()


def test_the_lowest_number_that_is_named_counts_and_numbers_compare_as_integers():
    answer = {"batchItemFailures": [{"itemIdentifier": "10"}, {"itemIdentifier": "9"}]}
    assert read_answer(answer, sequences=SEQUENCES) == Done(before=9)


@pytest.mark.parametrize(
    "entry",
    [
        {"itemIdentifier": ""},
        {"itemIdentifier": None},
        {"itemIdentifer": "9"},
        {"itemIdentifier": "12"},
        {"itemIdentifier": 9},
        {},
        "9",
        None,
    ],
)
def test_an_identifier_that_is_empty_null_misnamed_or_unknown_fails_the_whole_batch(entry):
    answer = {"batchItemFailures": [{"itemIdentifier": "10"}, entry]}
    assert isinstance(read_answer(answer, sequences=SEQUENCES), Failed)


@pytest.mark.parametrize(
    "answer", ["ok", 1, [], {"batchItemFailures": "9"}, {"batchItemFailures": {}}]
)
def test_an_answer_of_another_shape_is_not_taken_for_success(answer):
    assert isinstance(read_answer(answer, sequences=SEQUENCES), Failed)
