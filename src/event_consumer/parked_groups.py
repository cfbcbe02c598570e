"""Notes of parked messages in DynamoDB: one small item for each message that waits."""

from collections.abc import Iterator
from typing import Any

from event_consumer.ports import Note

_DIGITS = 20
"""Of a FIFO message's SequenceNumber (SQS API reference, SendMessage: 128 bits, it only rises)."""
PAGE_MAX = 1000


class ParkedGroupsTable:
    """`ParkedGroups` on a table whose keys are `message_group` and `place`, both strings.

    `place` is the sequence number of the first delivery, and its message id: the order of a query
    is the order of the group.
    """

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def first(self, group: str) -> Note | None:
        """See `ParkedGroups.first`. One consistent read."""
        items = self._client.query(**self._of(group, {}), Limit=1).get("Items", [])
        return _note(items[0]) if items else None

    def holds(self, group: str, message_id: str) -> bool:
        """See `ParkedGroups.holds`."""
        return next(self._notes_of(group, message_id), None) is not None

    def add(self, group: str, message_id: str, *, sequence_number: str) -> None:
        """See `ParkedGroups.add`."""
        place = f"{sequence_number.zfill(_DIGITS * 2)}#{message_id}"
        self._client.put_item(
            TableName=self._table_name,
            Item={
                "message_group": {"S": group},
                "place": {"S": place},
                "message_id": {"S": message_id},
            },
        )

    def remove(self, group: str, note: Note) -> None:
        """See `ParkedGroups.remove`."""
        self._client.delete_item(
            TableName=self._table_name,
            Key={"message_group": {"S": group}, "place": {"S": note.place}},
        )

    def withdraw(self, group: str, message_id: str) -> None:
        """The message of this first delivery will never be handled: nobody waits for it any more.

        For whoever throws it away. Again, or where there is no note, it has no effect.
        """
        for note in self._notes_of(group, message_id):
            self.remove(group, note)

    def every(self) -> Iterator[tuple[str, Note]]:
        """Every note with its group; those of a group together and in order. For operators."""
        for page in self._client.get_paginator("scan").paginate(
            TableName=self._table_name, ConsistentRead=True
        ):
            for item in page["Items"]:
                yield item["message_group"]["S"], _note(item)

    # Private functions

    def _notes_of(self, group: str, message_id: str) -> Iterator[Note]:
        pages = self._client.get_paginator("query").paginate(
            **self._of(group, {":message_id": {"S": message_id}}),
            FilterExpression="message_id = :message_id",
            PaginationConfig={"PageSize": PAGE_MAX},
        )
        for page in pages:
            yield from map(_note, page["Items"])

    def _of(self, group: str, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "TableName": self._table_name,
            "KeyConditionExpression": "message_group = :group",
            "ExpressionAttributeValues": {":group": {"S": group}, **values},
            "ConsistentRead": True,
        }


# Private functions


def _note(item: dict[str, Any]) -> Note:
    return Note(message_id=item["message_id"]["S"], place=item["place"]["S"])
