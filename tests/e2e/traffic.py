"""Changes of customers' statuses in Accounts, at speed, and what the customers are in the end."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

STATUSES = ("PENDING", "ACTIVE", "SUSPENDED", "CLOSED")


class Traffic:
    """Customers `NAME-0` to `NAME-(count-1)` of one test, in an Accounts table of all tests."""

    def __init__(self, deployment: Any, name: str, count: int, *, seed: int) -> None:
        self._client = deployment.client("dynamodb")
        self._table = deployment.accounts_table
        self._random = random.Random(seed)
        self.ids = [f"{name}-{number}" for number in range(count)]
        self.written = 0

    def write_all(self) -> None:
        """Each customer once."""
        with ThreadPoolExecutor(8) as pool:
            chosen = [(one, self._random.choice(STATUSES)) for one in self.ids]
            list(pool.map(lambda pair: self.write(*pair), chosen))

    def write(self, customer_id: str, status: str) -> None:
        item = {"customer_id": {"S": customer_id}, "status": {"S": status}}
        self._client.put_item(TableName=self._table, Item=item)

    def remove(self, customer_id: str) -> None:
        self._client.delete_item(TableName=self._table, Key={"customer_id": {"S": customer_id}})

    def change_one(self) -> None:
        """Change or, now and then, remove any customer."""
        customer_id = self._random.choice(self.ids)
        if self._random.random() < 0.05:
            self.remove(customer_id)
        else:
            self.write(customer_id, self._random.choice(STATUSES))
        self.written += 1

    @contextmanager
    def flowing(self, *, pause_seconds: float = 0.01):
        """Changes without end, until the block does."""
        end = threading.Event()

        def write() -> None:
            while not end.wait(pause_seconds):
                self.change_one()

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield self
        finally:
            end.set()
            thread.join()

    def truth(self) -> dict[str, str]:
        """What each customer of Accounts is now, this test's or not."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, ConsistentRead=True
        )
        return {
            item["customer_id"]["S"]: item["status"]["S"]
            for page in pages
            for item in page["Items"]
        }
