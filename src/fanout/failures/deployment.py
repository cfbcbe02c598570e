"""The publisher of a deployment, ready to be worked with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from fanout.aws import AwsTarget
from fanout.backfill.reading import table_rules
from fanout.discovery import Publisher, find_publisher
from fanout.errors import WrongUse
from fanout.failures.documents import StreamRange
from fanout.failures.loading import Loading
from fanout.failures.object_store import ObjectStore
from fanout.failures.stream_range import read_again
from publisher.transitions import TableRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What discovery tells of the publisher, its failure store, and how it reads records."""

    target: AwsTarget
    publisher: Publisher
    store: ObjectStore
    rules: TableRules

    def subject(self) -> dict[str, Any]:
        """What a run works on, for its header; a resume checks it."""
        return {
            "prefix": self.target.prefix,
            "failure_bucket": self.publisher.failure_bucket,
            "function_name": self.publisher.function_name,
            "stream_arn": self.publisher.stream_arn,
        }

    def require_same(self, subject: Mapping[str, Any]) -> None:
        """Raises: WrongUse where a run was made on another failure store, or for another stream."""
        if subject["failure_bucket"] != self.publisher.failure_bucket:
            raise WrongUse(
                f"The run was made on {subject['failure_bucket']}; here the failure store is "
                f"{self.publisher.failure_bucket}: check --profile, --region and --prefix."
            )
        then, now = subject.get("stream_arn"), self.publisher.stream_arn
        if then is not None and then != now:
            raise WrongUse(
                f"The run was made while the publisher read {then}; it reads {now} now, and an "
                "earlier stream's numbers do not go on in it: start a new run."
            )

    def loading(self, *, named: StreamRange | None = None, from_stream: bool = False) -> Loading:
        """How a run gets at records."""
        return Loading(
            store=self.store,
            read_range=partial(read_again, self.target.client("dynamodbstreams")),
            named=named,
            from_stream=from_stream,
        )

    def item_now(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """An item of Accounts as it is now; None where there is none."""
        answer = self.target.client("dynamodb").get_item(
            TableName=self.publisher.accounts_table, Key=dict(key), ConsistentRead=True
        )
        item: Mapping[str, Any] | None = answer.get("Item")
        return item


def find_deployment(target: AwsTarget) -> Deployment:
    """Raises: WrongUse where no deployment has this prefix."""
    publisher = find_publisher(target)
    return Deployment(
        target=target,
        publisher=publisher,
        store=ObjectStore(target.client("s3"), publisher.failure_bucket),
        rules=table_rules(publisher),
    )
