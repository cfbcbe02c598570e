"""Every metric that this system writes; alarms and dashboards of both tools are tested against it.

Each carries `deployment`, the prefix of the deployment's names, so that two deployments in one
account and Region never share a number.
"""

from typing import NamedTuple

NAMESPACE = "CustomerStatusFanout"


class Metric(NamedTuple):
    """A metric: its name, CloudWatch's unit, what a value means, and its dimensions."""

    name: str
    unit: str
    meaning: str
    dimensions: tuple[str, ...] = ("deployment", "service")


# Of the publisher. The counts are written for each batch, zeros included, so that an alarm never
# has to guess what a missing value means.
STREAM_RECORDS = Metric("StreamRecords", "Count", "records received, repeated deliveries included")
STATUS_TRANSITIONS = Metric("StatusTransitions", "Count", "records that hold a change of status")
RECORDS_WITHOUT_TRANSITION = Metric(
    "RecordsWithoutTransition", "Count", "records without a change of a customer's status"
)
CUSTOMER_RECORDS = Metric("CustomerRecords", "Count", "records of what ENTITY_FILTER lets through")
EVENTS_PUBLISHED = Metric("EventsPublished", "Count", "entries that the bus confirmed")
RECORDS_PARKED = Metric("RecordsParked", "Count", "records in the failure store: a person decides")
RECORDS_FAILED = Metric("RecordsFailed", "Count", "records that will be delivered again")
RECORDS_HELD = Metric("RecordsHeld", "Count", "failed records of a deployment that reads none")
BUS_FAULTS = Metric("BusFaults", "Count", "entries that failed by permission, topic or key")
STREAM_LAG = Metric("StreamLagMilliseconds", "Milliseconds", "age of a batch's oldest change")

# Of each consumer. The counts are written for each batch.
EVENTS_APPLIED = Metric("EventsApplied", "Count", "the row changed")
EVENTS_DUPLICATE = Metric("EventsDuplicate", "Count", "the row already held this very event")
EVENTS_STALE = Metric("EventsStale", "Count", "the row already held something newer")
MESSAGES_PARKED = Metric("MessagesParked", "Count", "moved to the DLQ with a reason")
MESSAGES_RETRIED = Metric("MessagesRetried", "Count", "will be received again")
DEPENDENCY_FAULTS = Metric("DependencyFaults", "Count", "retried: what the consumer needs is down")
DEPENDENCY_FAULTS_BY_CODE = Metric(
    "DependencyFaultsByCode",
    "Count",
    "the same by AWS's error code; written where there are some",
    ("deployment", "service", "error_code"),
)
UNEXPECTED_EXCEPTIONS = Metric(
    "UnexpectedExceptions", "Count", "retried: a bug, of the message or of the deployment"
)
DEPRECATED_EVENTS = Metric("DeprecatedVersionEvents", "Count", "events of a deprecated version")
SUNSET_VERSION_EVENTS = Metric(
    "SunsetVersionEvents", "Count", "those of a version whose sunset is near, or has passed"
)
END_TO_END_LAG = Metric(
    "EndToEndLagMilliseconds", "Milliseconds", "from the change to its row, the worst of a batch"
)

# Of the sentinel.
SENTINEL_RUNS = Metric("SentinelRuns", "Count", "runs of the sentinel that compared a slice")
SENTINEL_FINDINGS = Metric(
    "SentinelFindings", "Count", "what is wrong with how the deployment is set up"
)

# Of the sentinel, for the slice that it compared, and of `fanout reconcile --metric`.
DRIFTED_ROWS = Metric(
    "DriftedRows", "Count", "rows that differ from Accounts", ("deployment", "subscriber")
)
