"""A subscriber's queue and DLQ on moto, and messages in it."""

import json
from types import SimpleNamespace

from fanout.sqs.queue import read_depth
from unit.fanout.dlq.dlq_fakes import body, text


def make_subscriber(aws, *, queue_suffix="", dlq_suffix="", **settings):
    sqs = aws.client("sqs")
    urls = {}
    for name, suffix in (("payments", queue_suffix), ("payments-dlq", dlq_suffix)):
        attributes = {"FifoQueue": "true"} if suffix else {}
        attributes |= settings if name == "payments" else {}
        made = sqs.create_queue(QueueName=name + suffix, Attributes=attributes)
        urls[name] = made["QueueUrl"]
    document = {"name": "payments", "versions": "2"}
    for field, name in (("queue", "payments"), ("dlq", "payments-dlq")):
        arn = f"arn:aws:sqs:eu-west-1:123456789012:{urls[name].rpartition('/')[2]}"
        document |= {f"{field}_url": urls[name], f"{field}_arn": arn}
    aws.client("ssm").put_parameter(
        Name="/fanout/subscribers/payments", Type="String", Value=json.dumps(document)
    )
    return SimpleNamespace(queue=urls["payments"], dlq=urls["payments-dlq"])


def kill_messages(aws, subscriber, count, **entry):
    for number in range(1, count + 1):
        aws.client("sqs").send_message(
            QueueUrl=subscriber.dlq,
            MessageBody=body(number),
            MessageAttributes={"parked_reason": text("UnknownStatus")},
            **{name: value.format(number) for name, value in entry.items()},
        )


def depth(aws, url):
    found = read_depth(aws.client("sqs"), url)
    return found.waiting, found.in_flight
