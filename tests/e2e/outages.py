"""What goes wrong on a deployment, and what somebody does about it without our command line."""

import json
from contextlib import contextmanager

from e2e.changed_package import EARLIER_HANDLER
from waiting import eventually


def put(deployment, customer, status="ACTIVE"):
    deployment.client("dynamodb").put_item(
        TableName=deployment.accounts_table,
        Item={"customer_id": {"S": customer}, "status": {"S": status}},
    )


def row(deployment, customer):
    found = deployment.client("dynamodb").get_item(
        TableName=deployment.payments_table, Key={"customer_id": {"S": customer}}
    )
    return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}


def becomes(deployment, customer, status):
    eventually(lambda: row(deployment, customer).get("status") == status, f"{customer} is {status}")


def is_put(deployment, customer, status="ACTIVE"):
    put(deployment, customer, status)
    becomes(deployment, customer, status)


def tampers(deployment, customer, **values):
    """Somebody writes to a row by hand."""
    deployment.client("dynamodb").update_item(
        TableName=deployment.payments_table,
        Key={"customer_id": {"S": customer}},
        AttributeUpdates={name: {"Value": {"S": text}} for name, text in values.items()},
    )


def send(deployment, body):
    deployment.client("sqs").send_message(QueueUrl=deployment.queue_url, MessageBody=body)


def misshape(deployment, customer):
    """A change on whose way to the consumer a field is spoiled."""
    with mapping_off(deployment):
        put(deployment, customer)
        [message] = receive(deployment)
        queue = {"QueueUrl": deployment.queue_url}
        deployment.client("sqs").delete_message(**queue, ReceiptHandle=message["ReceiptHandle"])
    send(deployment, message["Body"].replace('"change":"created"', '"change":"updated"'))


def dead_id(deployment, reason):
    """The id of the one dead message, once it is parked for that reason."""

    def found():
        answer = deployment.client("sqs").receive_message(
            QueueUrl=deployment.dlq_url, VisibilityTimeout=0, MessageAttributeNames=["All"]
        )
        return [
            each["MessageId"]
            for each in answer.get("Messages", [])
            if each["MessageAttributes"]["parked_reason"]["StringValue"] == reason
        ]

    [message_id] = eventually(found, f"{reason} is parked")
    return message_id


@contextmanager
def without(deployment, role, policy, action):
    """A role that may not do one thing for a while."""
    iam, name = deployment.client("iam"), {"RoleName": role, "PolicyName": policy}
    allowed = iam.get_role_policy(**name)["PolicyDocument"]
    kept = [each for each in allowed["Statement"] if action not in json.dumps(each["Action"])]
    assert len(kept) < len(allowed["Statement"])
    iam.put_role_policy(**name, PolicyDocument=json.dumps(allowed | {"Statement": kept}))
    try:
        yield
    finally:
        iam.put_role_policy(**name, PolicyDocument=json.dumps(allowed))


@contextmanager
def earlier_release(deployment):
    """A consumer that has a bug and does not know the status CLOSED; then the present one again."""
    functions, name = deployment.client("lambda"), {"FunctionName": deployment.payments_function}
    handler = functions.get_function_configuration(**name)["Handler"]
    functions.update_function_configuration(**name, Handler=EARLIER_HANDLER)
    try:
        yield
    finally:
        functions.update_function_configuration(**name, Handler=handler)


@contextmanager
def mapping_off(deployment):
    client, mapping = deployment.client("lambda"), {"UUID": deployment.payments_mapping_id}
    client.update_event_source_mapping(**mapping, Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(**mapping, Enabled=True)


def receive(deployment):
    """Somebody takes the one message of the queue, once it is there, and does not delete it."""
    sqs, queue = deployment.client("sqs"), {"QueueUrl": deployment.queue_url}
    return eventually(
        lambda: sqs.receive_message(**queue, VisibilityTimeout=0).get("Messages"), "a message"
    )


@contextmanager
def status_map(deployment, text):
    """What a deployment with TABLE_STATUS_MAP changes."""
    functions, ssm = deployment.client("lambda"), deployment.client("ssm")
    function = {"FunctionName": deployment.publisher_function}
    variables = functions.get_function_configuration(**function)["Environment"]["Variables"]
    parameter = f"/{deployment.prefix}/publisher"
    value = ssm.get_parameter(Name=parameter)["Parameter"]["Value"]

    def deploy(variables, value):
        functions.update_function_configuration(**function, Environment={"Variables": variables})
        ssm.put_parameter(Name=parameter, Value=value, Type="String", Overwrite=True)

    deploy(
        variables | {"TABLE_STATUS_MAP": text},
        json.dumps(json.loads(value) | {"table_status_map": text}),
    )
    try:
        yield
    finally:
        deploy(variables, value)
