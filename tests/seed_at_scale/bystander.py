"""Somebody else's queue, in which every message is looked at while a subscriber is seeded."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Bystander:
    """Takes every message from Payments' queue and counts them by their kind of change.

    Its consumer is switched off, so that no message goes by unseen.
    """

    def __init__(self, deployment: Any) -> None:
        self._sqs = deployment.client("sqs")
        self._url = deployment.queue_url
        self.changes: Counter[str] = Counter()
        deployment.client("lambda").update_event_source_mapping(
            UUID=deployment.payments_mapping_id, Enabled=False
        )

    def forget(self) -> None:
        """Drop what is in the queue."""
        self._sqs.purge_queue(QueueUrl=self._url)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at all that comes while the block runs, and at what is left after it."""
        end = threading.Event()
        thread = threading.Thread(target=self._look, args=[end], name="bystander")
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    # Private functions

    def _look(self, end: threading.Event) -> None:
        while True:
            over = end.is_set()
            messages = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            ).get("Messages", [])
            for message in messages:
                self.changes[json.loads(message["Body"])["data"]["change"]] += 1
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            if over and not messages:
                return
