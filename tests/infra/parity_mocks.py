"""What AWS would answer while Terraform plans a fan-out example, in one account and Region.

They and all names are those in which `sam_template` resolves the SAM template, so that what both
tools deploy can be compared value by value. An example ignores what it has no resource for.
"""

import json
from typing import Any

from infra.sam_template import ACCOUNT, PARTITION, REGION

_PUBLISHER, _BUS = "module.publisher", "module.event_bus"
_PAYMENTS, _SENTINEL = 'module.subscriber["payments"]', "module.sentinel[0]"
_CONSUMER = f"{_PAYMENTS}.module.consumer"
_FUNCTIONS = {
    "fanout-publisher": f"{_PUBLISHER}.module.function",
    "fanout-payments-consumer": f"{_CONSUMER}.module.function",
    "fanout-sentinel": f"{_SENTINEL}.module.function",
}
_QUEUES = {
    "fanout-payments@fifo": f"{_PAYMENTS}.module.subscriber.aws_sqs_queue.this",
    "fanout-payments-dlq@fifo": f"{_PAYMENTS}.module.subscriber.aws_sqs_queue.dlq",
    "fanout-failure-notices": f"{_PUBLISHER}.module.failure_store.aws_sqs_queue.notices",
    "fanout-publisher-dlq": f"{_PUBLISHER}.aws_sqs_queue.dlq",
    "fanout-customer-status-bus-dlq": f"{_BUS}.aws_sqs_queue.undecipherable",
}
_TABLES = {
    "fanout-accounts": "aws_dynamodb_table.accounts",
    "fanout-payments": f"{_PAYMENTS}.aws_dynamodb_table.this",
    "fanout-payments-parked-groups": f"{_CONSUMER}.aws_dynamodb_table.parked_groups",
}
_BUCKET = f"fanout-failures-{ACCOUNT}-{REGION}"


def _arn(service: str, name: str) -> str:
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{name}"


def _role(name: str) -> dict[str, str]:
    name = f"{name}-{REGION}"
    return {"arn": f"arn:{PARTITION}:iam::{ACCOUNT}:role/{name}", "id": name}


_DATA = {
    "aws_caller_identity": {"account_id": ACCOUNT},
    "aws_partition": {"partition": PARTITION, "dns_suffix": "amazonaws.com"},
    "aws_region": {"id": REGION, "name": REGION},
}
_RESOURCES = {
    "aws_kms_key": {"arn": _arn("kms", "key/Key"), "key_id": "Key"},
    "aws_sns_topic": {"arn": _arn("sns", "fanout-customer-status@fifo")},
    "aws_cloudwatch_event_bus": {"arn": _arn("events", "event-bus/fanout-customer-status")},
    "aws_cloudwatch_event_rule": {
        "arn": _arn("events", "rule/fanout-customer-status/fanout-payments")
    },
    "aws_pipes_pipe": {"arn": _arn("pipes", "pipe/fanout-publisher")},
    "aws_s3_bucket": {"arn": f"arn:{PARTITION}:s3:::{_BUCKET}", "id": _BUCKET},
}
_OF_ONE = {
    f"{_PUBLISHER}.aws_iam_role.pipe": _role("fanout-publisher-pipe"),
    f"{_SENTINEL}.aws_cloudwatch_event_rule.schedule": {
        "arn": _arn("events", "rule/fanout-sentinel")
    },
    f"{_PUBLISHER}.aws_lambda_event_source_mapping.stream": {"uuid": "PublisherMapping"},
    f"{_CONSUMER}.aws_lambda_event_source_mapping.queue": {"uuid": "ConsumerMapping"},
}
for _name, _address in _TABLES.items():
    _table = _arn("dynamodb", f"table/{_name}")
    _OF_ONE[_address] = {"arn": _table, "stream_arn": f"{_table}/stream/2026-01-01T00:00:00.000"}
for _name, _address in _QUEUES.items():
    _url = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{_name}"
    _OF_ONE[_address] = {"arn": _arn("sqs", _name), "id": _url}
for _name, _address in _FUNCTIONS.items():
    _OF_ONE |= {
        f"{_address}.aws_iam_role.this": _role(_name),
        f"{_address}.aws_cloudwatch_log_group.this": {
            "arn": _arn("logs", f"log-group:/aws/lambda/{_name}")
        },
        f"{_address}.aws_lambda_alias.live": {"arn": _arn("lambda", f"function:{_name}:live")},
    }


def test_file(source: str, *, is_fifo: bool) -> str:
    """A file for `terraform test`, with one run, which plans the example at `source`.

    Args:
        is_fifo: Whether it has FIFO queues: `@fifo` in a name becomes `.fifo`, else nothing.
    """
    aws: dict[str, Any] = {
        "override_during": "plan",
        "mock_data": {kind: {"defaults": values} for kind, values in _DATA.items()},
        "mock_resource": {kind: {"defaults": values} for kind, values in _RESOURCES.items()},
        "override_resource": [
            {"target": f"module.fanout.{address}", "values": values}
            for address, values in _OF_ONE.items()
        ],
    }
    run = {"everything": {"command": "plan", "module": {"source": source}}}
    text = json.dumps({"mock_provider": {"aws": aws}, "run": run})
    return text.replace("@fifo", ".fifo" if is_fifo else "")
