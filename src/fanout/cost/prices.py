"""List prices, in dollars, and how sure each is. Pure.

Region us-east-1, read 2026-11-23 in stored copies of public pages; no free tier, no volume
discount. `verified` says that AWS's own text was read, or that two independent pages of 2025 or
later agree; the rest is marked on the page.
"""

from dataclasses import dataclass

REGION = "us-east-1"
READ_ON = "2026-11-23"
MILLION = 1_000_000
CHUNK_BYTES = 65_536
"""SNS, SQS, EventBridge and Pipes bill a request anew for every 64 KB that begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A list price.

    Args:
        what: the billed unit, in words.
        dollars: for one unit.
        shown: as price lists write it.
        verified: see the module.
        source: where it was read, or why it could not be verified.
    """

    what: str
    dollars: float
    shown: str
    verified: bool
    source: str


def _million(what: str, dollars: float, source: str, *, verified: bool = True) -> Price:
    return Price(
        what=what,
        dollars=dollars / MILLION,
        shown=f"${dollars:g} a million",
        verified=verified,
        source=source,
    )


_ONE_PAGE = "one price overview of June 2026; AWS's own page was not readable"
_MEMORY = "AWS's own page was not readable, and no second page repeats it"

SNS_REQUEST = _million(
    "SNS standard: request of 64 KB, PublishBatch of ten is one",
    0.50,
    "price overviews of 2026; SNS developer guide on batching: costs fall by up to 10",
)
SNS_FIFO_MESSAGE = _million(
    "SNS FIFO: message published, in a batch too", 0.30, _ONE_PAGE, verified=False
)
SNS_FIFO_PUBLISHED_GB = Price(
    what="SNS FIFO: GB published",
    dollars=0.017,
    shown="$0.017 a GB",
    verified=False,
    source=_MEMORY,
)
SNS_FIFO_DELIVERY = _million(
    "SNS FIFO: message delivered to a subscription", 0.01, _MEMORY, verified=False
)
SNS_FIFO_DELIVERED_GB = Price(
    what="SNS FIFO: GB delivered",
    dollars=0.001,
    shown="$0.001 a GB",
    verified=False,
    source=_MEMORY,
)
EVENTBRIDGE_EVENT = _million("EventBridge: custom event of 64 KB", 1.00, "price overviews of 2026")
PIPES_EVENT = _million(
    "Pipes: request of 64 KB; each record counted as one",
    0.40,
    "price overviews of 2026; whether a batch is billed by its records is not told",
    verified=False,
)
SQS_REQUEST = _million("SQS standard: request of 64 KB", 0.40, "price overviews of 2026")
SQS_FIFO_REQUEST = _million("SQS FIFO: request of 64 KB", 0.50, "price overviews of 2026")
LAMBDA_REQUEST = _million("Lambda: request", 0.20, "price overviews of 2025 and 2026")
LAMBDA_GB_SECOND = Price(
    what="Lambda: GB-second, arm64",
    dollars=0.0000133334,
    shown="$0.0000133334",
    verified=False,
    source="one page; AWS's own fills its figures in by script",
)
DYNAMODB_WRITE = _million(
    "DynamoDB: on-demand write of 1 KB", 0.625, "price overviews of 2025, after the cut of 2024"
)
STREAM_READ = Price(
    what="DynamoDB Streams: GetRecords (free for Lambda; a pipe's counted)",
    dollars=0.02 / 100_000,
    shown="$0.02 per 100,000",
    verified=False,
    source="DynamoDB developer guide: free for Lambda; nothing about pipes, and the price is ours",
)
LOGS_GB = Price(
    what="CloudWatch Logs: GB", dollars=0.50, shown="$0.50 a GB", verified=False, source=_MEMORY
)
ALARM_MONTH = Price(
    what="CloudWatch: alarm, a month", dollars=0.10, shown="$0.10", verified=False, source=_MEMORY
)
METRIC_MONTH = Price(
    what="CloudWatch: own metric, a month",
    dollars=0.30,
    shown="$0.30",
    verified=False,
    source=_MEMORY,
)
KEY_MONTH = Price(
    what="KMS: key, a month",
    dollars=1.00,
    shown="$1.00",
    verified=False,
    source="one undated overview",
)
KMS_REQUEST = Price(
    what="KMS: request",
    dollars=0.03 / 10_000,
    shown="$0.03 per 10,000",
    verified=False,
    source="one undated overview",
)
ALL = (
    SNS_REQUEST,
    SNS_FIFO_MESSAGE,
    SNS_FIFO_PUBLISHED_GB,
    SNS_FIFO_DELIVERY,
    SNS_FIFO_DELIVERED_GB,
    EVENTBRIDGE_EVENT,
    PIPES_EVENT,
    SQS_REQUEST,
    SQS_FIFO_REQUEST,
    LAMBDA_REQUEST,
    LAMBDA_GB_SECOND,
    DYNAMODB_WRITE,
    STREAM_READ,
    LOGS_GB,
    ALARM_MONTH,
    METRIC_MONTH,
    KEY_MONTH,
    KMS_REQUEST,
)
