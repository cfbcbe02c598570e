"""MiniStack, with six faults of it repaired.

A PartiQL write leaves no record in a table's stream. On AWS a stream captures every change of an
item ("Change data capture for DynamoDB Streams", Developer Guide). And a long queue is slow: each
receive goes over every message four times, and each batch of ten deletions ten times. It knows no
saved queries of Logs Insights, which Terraform's module `dashboard` deploys. A queue's mapping that
was woken for nothing sleeps for 50 ms: two thirds of the time that a change took. It unpacks a
function's package, a thousand files, for each process of it, which costs twice its start. And it
closes a connection that was idle for 75 seconds, even if a request has just come on it, which is
then done and not answered.

`fanout.local.stack` has what is worked around without touching the emulator, and its version; a
test fails once a fault is gone.
"""

import asyncio
import hashlib
import json
import threading
import time
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

_in_statement: ContextVar[bool] = ContextVar("in_statement", default=False)


def main() -> None:
    """Serve, until a signal ends it."""
    from hypercorn.asyncio import tcp_server
    from ministack import app  # its import starts threads
    from ministack.core.responses import json_response
    from ministack.services import cloudwatch_logs, dynamodb, lambda_svc, sqs

    record_partiql_writes(dynamodb)
    shorten_long_queues(sqs)
    save_queries(cloudwatch_logs, json_response)
    unpack_once()
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = 0.005  # noqa: SLF001
    connection: Any = tcp_server.TCPServer
    connection._idle_timeout = stay_open  # noqa: SLF001
    app.main()


async def stay_open(server: Any) -> None:
    """Close a connection of hypercorn's when the emulator ends, however long it was idle."""
    await server.context.terminated.wait()
    await asyncio.shield(server._initiate_server_close())  # noqa: SLF001


def record_partiql_writes(dynamodb: Any) -> None:
    """Make INSERT and UPDATE statements write stream records, as PutItem and UpdateItem do."""
    execute, set_item = dynamodb._execute_statement, dynamodb._set_item  # noqa: SLF001

    def execute_statement(data: Any) -> Any:
        token = _in_statement.set(True)
        try:
            return execute(data)
        finally:
            _in_statement.reset(token)

    def set_item_recorded(table: Any, pk: Any, sk: Any, item: Any) -> None:
        old = table["items"].get(pk, {}).get(sk)
        set_item(table, pk, sk, item)
        if _in_statement.get():
            change = "MODIFY" if old else "INSERT"
            dynamodb._emit_stream_event(table["TableName"], change, old, item)  # noqa: SLF001

    dynamodb._execute_statement = execute_statement  # noqa: SLF001
    dynamodb._set_item = set_item_recorded  # noqa: SLF001


def shorten_long_queues(sqs: Any) -> None:
    """Complete only what is handed out, expire messages once a second, and delete in one pass."""
    collect, expire = sqs._collect_msgs, sqs._expire_retained  # noqa: SLF001

    def collect_few(queue: Any, most: int, hold_seconds: int) -> Any:
        if not queue["is_fifo"]:
            now = time.time()
            visible = (each for each in queue["messages"] if each.get("visible_at", 0) <= now)
            queue = {**queue, "messages": list(islice(visible, most))}
        return collect(queue, most, hold_seconds)

    def expire_at_times(queue: Any) -> None:
        if time.time() >= queue.get("next_expiry", 0):
            expire(queue)
            queue["next_expiry"] = time.time() + 1

    def delete_together(data: Any, url: str) -> Any:
        queue = sqs._get_q(data.get("QueueUrl", url), "sqs:DeleteMessage")  # noqa: SLF001
        entries = data.get("Entries", [])
        sqs._validate_batch_entries(entries, "DeleteMessageBatchRequestEntry")  # noqa: SLF001
        asked = {entry.get("ReceiptHandle") for entry in entries} - {None}
        gone, kept = set(), []
        for each in queue["messages"]:
            if each.get("receipt_handle") in asked:
                gone.add(each["receipt_handle"])
            else:
                kept.append(each)
        queue["messages"] = kept
        refusal = {"Code": "ReceiptHandleIsInvalid", "SenderFault": True, "Message": "Invalid."}
        ids = [(entry["Id"], entry.get("ReceiptHandle") in gone) for entry in entries]
        return {
            "Successful": [{"Id": entry_id} for entry_id, ok in ids if ok],
            "Failed": [{"Id": entry_id, **refusal} for entry_id, ok in ids if not ok],
        }

    sqs._collect_msgs, sqs._expire_retained = collect_few, expire_at_times  # noqa: SLF001
    sqs._HANDLERS["DeleteMessageBatch"] = delete_together  # noqa: SLF001


def save_queries(logs: Any, respond: Any) -> None:
    """Keep the saved queries of Logs Insights, and do nothing else with them."""
    handle, saved = logs.handle_request, {}

    async def handle_queries(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        data = (
            json.loads(body or b"{}") if action.endswith(("QueryDefinition", "Definitions")) else {}
        )
        match action:
            case "PutQueryDefinition":
                name = data.setdefault("queryDefinitionId", str(uuid4()))
                saved[name] = data
                return respond({"queryDefinitionId": name})
            case "DescribeQueryDefinitions":
                prefix = data.get("queryDefinitionNamePrefix", "")
                listed = [each for each in saved.values() if each["name"].startswith(prefix)]
                return respond({"queryDefinitions": listed})
            case "DeleteQueryDefinition":
                return respond({"success": saved.pop(data["queryDefinitionId"], None) is not None})
        return await handle(method, path, headers, body, query)

    logs.handle_request = handle_queries


def unpack_once() -> None:
    """Link what was unpacked before, as no function writes to its code."""
    unpack, digests, lock = ZipFile.extractall, set(), threading.Lock()

    def link(archive: ZipFile, folder: str) -> None:
        digest = hashlib.sha256(Path(str(archive.filename)).read_bytes()).hexdigest()
        unpacked = Path(gettempdir(), digest)  # which goes with the deployment
        with lock:
            if digest not in digests:
                unpack(archive, unpacked)
                digests.add(digest)
        Path(folder).rmdir()
        Path(folder).symlink_to(unpacked)

    patched: Any = ZipFile
    patched.extractall = link


if __name__ == "__main__":
    main()
