"""What a changes file may hold, and what is said of a line that may not be there."""

import tracemalloc

import pytest

from fanout.demo.changes import LINE_LENGTH_MAX, Change, Op, check, read
from fanout.errors import WrongUse


@pytest.fixture
def file(tmp_path):
    def write(content, name="changes.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def changes_of(path):
    return [change for _, change in read(path)]


EVERY_OP = [
    Change(op=Op.UPDATE, customer_id="c-1", status="ACTIVE", reason="KYC_PASSED"),
    Change(op=Op.PUT, customer_id="c-2", status="PENDING"),
    Change(op=Op.TOUCH, customer_id="c-1"),
    Change(op=Op.DELETE, customer_id="c-2"),
]


def test_json_lines_hold_every_op_and_a_status_alone_is_an_update(file):
    path = file(
        '{"customer_id": "c-1", "status": "ACTIVE", "reason": "KYC_PASSED"}\n'
        '{"customer_id": "c-2", "status": "PENDING", "op": "put"}\n'
        "\n"
        '{"customer_id": "c-1", "op": "touch", "status": null}\n'
        '{"customer_id": "c-2", "op": "delete"}'
    )
    assert changes_of(path) == EVERY_OP


def test_csv_says_the_same_with_empty_cells(file):
    path = file(
        "\ufeffcustomer_id,status,reason,op\r\n"
        "c-1,ACTIVE,KYC_PASSED,\r\n"
        "c-2,PENDING,,put\r\n"
        "\r\n"
        "c-1,,,touch\r\n"
        "c-2,,,delete\r\n",
        "changes.CSV",
    )
    assert changes_of(path) == EVERY_OP


def test_a_csv_may_leave_columns_out_and_order_them_freely(file):
    path = file("status,customer_id\nACTIVE,c-1\n", "few.csv")
    assert changes_of(path) == [Change(op=Op.UPDATE, customer_id="c-1", status="ACTIVE")]


def test_a_good_file_is_counted_and_can_be_read_again_and_again(file):
    checked = check(file('{"customer_id": "c-1", "status": "CLOSED"}\n' * 3))
    assert checked.length == 3
    assert len(list(checked)) == len(list(checked)) == 3


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"hello"', r"expected one JSON object"),
        ("[" * 50_000, r"expected one JSON object"),
        ("[]", r"expected one JSON object"),
        ('{"customer_id": "c", "state": "ACTIVE"}', r"state: Extra inputs are not permitted"),
        ('{"customer_id": "c"}', r"expected a status, or op touch or delete"),
        ('{"customer_id": "c", "op": "put"}', r"expected a status, or op touch"),
        (
            '{"customer_id": "c", "status": "ACTIV"}',
            r"status: expected 'PENDING', .*, found 'ACTIV'",
        ),
        ('{"customer_id": "c", "status": "REMOVED"}', r"status: expected 'PENDING'"),
        ('{"customer_id": "c", "status": ["ACTIVE"]}', r"status: expected 'PENDING'"),
        ('{"customer_id": "c", "op": "drop"}', r"op: expected 'put', .*, found 'drop'"),
        ('{"customer_id": "c", "op": "touch", "status": "ACTIVE"}', r"op touch takes neither"),
        ('{"customer_id": "c", "op": "delete", "reason": "X"}', r"op delete takes neither"),
        ('{"status": "ACTIVE"}', r"customer_id: Field required"),
        ('{"customer_id": "", "status": "ACTIVE"}', r"customer_id: .* at least 1 character"),
        ('{"customer_id": 12, "status": "ACTIVE"}', r"customer_id: expected a valid string"),
        (
            '{"customer_id": "c", "status": "ACTIVE", "reason": 1}',
            r"reason: expected a valid string",
        ),
    ],
)
def test_a_broken_line_names_file_and_line_and_what_was_expected(file, line, expected):
    path = file('{"customer_id": "c-1", "status": "ACTIVE"}\n\n' + line + "\n")
    with pytest.raises(WrongUse, match=expected) as caught:
        check(path)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert "Nothing was written" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("customer_id,state\nc,ACTIVE\n", 1, r"expected a header with each column once"),
        ("status\nACTIVE\n", 2, r"customer_id: Field required"),
        ("customer_id,customer_id\nc,c\n", 1, r"expected a header with each column once"),
        ("customer_id,status\nc\n", 2, r"expected 2 cells, as the header has"),
        ("customer_id,status\nc,ACTIVE,\n", 2, r"expected 2 cells, as the header has"),
        ('customer_id,status\nc,ACTIVE\n"c"x,ACTIVE\n', 3, r"expected CSV: "),
        ("customer_id,status\nc,\n", 2, r"expected a status, or op touch or delete"),
    ],
)
def test_a_broken_csv_names_the_line_too(file, text, line, expected):
    with pytest.raises(WrongUse, match=rf"line {line}: {expected}"):
        check(file(text, "broken.csv"))


def test_text_that_is_no_utf_8_is_named_with_its_line(file):
    with pytest.raises(WrongUse, match=r"line 2: expected UTF-8 text"):
        check(file(b'{"customer_id": "c", "op": "touch"}\n\xff\xfe\n'))


def test_a_line_without_end_is_refused_before_it_fills_the_memory(file):
    with pytest.raises(WrongUse, match=rf"line 1: expected at most {LINE_LENGTH_MAX:,} bytes"):
        check(file("x" * 10 * LINE_LENGTH_MAX))


@pytest.mark.parametrize(
    ("content", "name"),
    [("", "empty.jsonl"), ("\n\n", "blank.jsonl"), ("customer_id,status\n", "header.csv")],
)
def test_a_file_without_a_change_is_refused(file, content, name):
    with pytest.raises(WrongUse, match="holds no change"):
        check(file(content, name))


def test_a_file_that_is_missing_or_of_another_kind_is_named(tmp_path, file):
    with pytest.raises(WrongUse, match=r"gone\.jsonl can't be read: No such file"):
        check(tmp_path / "gone.jsonl")
    with pytest.raises(WrongUse, match=r"changes\.txt: expected a name that ends in \.jsonl"):
        check(file("", "changes.txt"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(WrongUse, match="no regular file"):
        check(tmp_path / "folder.csv")


def test_customers_may_only_be_put(file):
    path = file(
        '{"customer_id": "c", "status": "ACTIVE", "op": "put"}\n'
        '{"customer_id": "c", "op": "delete"}\n'
    )
    with pytest.raises(WrongUse, match="line 2: expected op put alone, found delete"):
        check(path, only=Op.PUT)


def test_a_file_ten_times_as_long_takes_no_more_memory(file):
    line = '{"customer_id": "c-1", "status": "ACTIVE", "reason": "KYC_PASSED"}\n'
    peaks = [peak_of_checking(file(line * length, f"{length}.jsonl")) for length in (500, 5_000)]
    assert peaks[1] <= 1.1 * peaks[0]


def peak_of_checking(path):
    check(path)  # whatever the first run imports or caches
    tracemalloc.start()
    try:
        check(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
