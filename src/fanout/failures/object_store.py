"""The failure store in S3: list it, read it, and move away what is done with."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from fanout.failures.documents import LAMBDA_PREFIX, PARKED_PREFIX, Failure, read

READERS = 8
"""Objects read at once. A batch is 6 MB at most, which bounds the memory as well."""
_ABSENT = {"404", "NoSuchKey", "NotFound"}


class ObjectStore:
    """The bucket.

    Args:
        client: a boto3 S3 client.
        bucket: its name.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def failures(self, *, most: int | None = None) -> Iterator[Failure]:
        """Every object, parked records first, each kind by key; at most so many of each kind."""
        with ThreadPoolExecutor(max_workers=READERS) as pool:
            for prefix in (PARKED_PREFIX, LAMBDA_PREFIX):
                keys = self._keys(prefix, most)
                while page := list(islice(keys, READERS)):
                    # One that is gone by now was recovered or discarded meanwhile.
                    yield from (one for one in pool.map(self.read, page) if one is not None)

    def read(self, key: str) -> Failure | None:
        """One object; None where there is none."""
        try:
            body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        return read(key, body)

    def move(self, key: str, new_key: str) -> bool:
        """Copy, then delete; False where there is nothing to move, and never was in this place.

        Doing it again after a crash between the two ends the same: the copy names the same object,
        and one that is there already without its source was moved before.
        """
        try:
            self._client.copy_object(
                Bucket=self.bucket, Key=new_key, CopySource={"Bucket": self.bucket, "Key": key}
            )
        except ClientError as error:
            if _is_absent(error):
                return self.holds(new_key)
            raise
        self._client.delete_object(Bucket=self.bucket, Key=key)
        return True

    def holds(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _is_absent(error):
                return False
            raise
        return True

    # Private functions

    def _keys(self, prefix: str, most: int | None) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, PaginationConfig={"MaxItems": most}
        )
        for page in pages:
            for found in page.get("Contents", []):
                yield found["Key"]


# Private functions


def _is_absent(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code", "") in _ABSENT
