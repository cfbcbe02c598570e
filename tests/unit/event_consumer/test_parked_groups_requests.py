"""How a note is asked for and where it stands, as DynamoDB sees it."""

from event_consumer.parked_groups import ParkedGroupsTable


class Table:
    """Answers with nothing, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.put = []

    def query(self, **request):
        self.asked.append(request)
        return {"Items": []}

    def get_paginator(self, operation):
        assert operation == "query"
        return self

    def paginate(self, *, PaginationConfig, **request):  # noqa: N803 (as boto3 names it)
        return [self.query(**request, Limit=PaginationConfig["PageSize"])]

    def put_item(self, **request):
        self.put.append(request["Item"]["place"]["S"])


def test_places_sort_like_sequence_numbers_of_any_length():
    table = Table()
    groups = ParkedGroupsTable(table, "notes")
    for number in ("9", "18850000000000000001", "1" + "0" * 38):
        groups.add("g", "m", sequence_number=number)
    assert table.put == sorted(table.put)
    assert {len(place) for place in table.put} == {len("#m") + 40}


def test_a_look_for_a_note_reads_a_thousand_of_its_group_at_a_time_and_the_first_alone():
    table = Table()
    groups = ParkedGroupsTable(table, "notes")
    groups.withdraw("g", "m")
    groups.first("g")
    assert [one["Limit"] for one in table.asked] == [1000, 1]
    assert all(one["ConsistentRead"] for one in table.asked)
