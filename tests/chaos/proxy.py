"""An HTTP proxy before the embedded AWS that does to calls what the weather says."""

import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from chaos.aws_errors import HttpAnswer, server_error, service_of, throttle
from chaos.faults import Fault, Weather

_HOST = "127.0.0.1"
_UPSTREAM_TIMEOUT_SECONDS = 60
_PER_HOP = frozenset({"connection", "content-length", "expect", "keep-alive", "transfer-encoding"})
CALLS, UNANSWERED, KILLS = "calls", "unanswered", "kills"
KillCaller = Callable[[int, int], bool]
"""Told the caller's port and the proxy's; whether it was a worker, and is killed."""


class FaultProxy(ThreadingHTTPServer):
    """Listens on a free port of the loopback; `faults` counts (service, fault)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream_url: str, weather: Weather, kill_caller: KillCaller) -> None:
        super().__init__((_HOST, 0), _Handler)
        found = urlsplit(upstream_url)
        self.upstream = (found.hostname or _HOST, found.port or 80)
        self.weather = weather
        self.kill_caller = kill_caller
        self.faults: Counter[tuple[str, Fault]] = Counter()
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What a client takes for its endpoint."""
        return f"http://{_HOST}:{self.server_port}"

    @contextmanager
    def serving(self) -> Iterator["FaultProxy"]:
        """Relay calls until the block ends."""
        thread = threading.Thread(target=self.serve_forever, args=[0.1], name="fault-proxy")
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()

    def count(self, what: str) -> None:
        """Note a call, one that the embedded AWS did not answer, or a worker that was killed."""
        with self._lock:
            self.counts[what] += 1

    def count_fault(self, service: str, fault: Fault) -> None:
        """Note what became of a call."""
        with self._lock:
            self.faults[service, fault] += 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone, as a killed one has, is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultProxy
    protocol_version = "HTTP/1.1"
    # Headers and body go out in two writes; without this the second waits for an acknowledgement.
    disable_nagle_algorithm = True

    def _relay(self) -> None:
        body = self._body()
        service, fault = service_of(self.headers), self.server.weather.next_fault()
        if fault is Fault.KILLED_BEFORE:
            self._kill_caller()
        self.server.count(CALLS)
        if fault is not None:
            self.server.count_fault(service, fault)
        match fault:
            case Fault.THROTTLED:
                self._answer(throttle(self.headers))
            case Fault.SERVER_ERROR:
                self._answer(server_error(self.headers))
            case Fault.DROPPED | Fault.KILLED_BEFORE:
                self._hang_up()
            case _:
                self._pass_on(body, fault)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _relay  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """The counts are enough."""

    # Private functions

    def _kill_caller(self) -> None:
        if self.server.kill_caller(self.client_address[1], self.server.server_port):
            self.server.count(KILLS)

    def _pass_on(self, body: bytes, fault: Fault | None) -> None:
        if fault is Fault.SLOW:
            time.sleep(self.server.weather.slow_seconds())
        try:
            answer = self._forward(body)
        except (OSError, http.client.HTTPException):
            self.server.count(UNANSWERED)
            self._hang_up()
            return
        if fault is Fault.KILLED_AFTER:
            self._kill_caller()
        if fault in {Fault.KILLED_AFTER, Fault.ANSWER_LOST}:
            self._hang_up()
        elif fault is Fault.CUT_SHORT:
            self._answer(answer, cut_short=True)
            self._hang_up()
        else:
            self._answer(answer)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _forward(self, body: bytes) -> HttpAnswer:
        kept = {name: text for name, text in self.headers.items() if name.lower() not in _PER_HOP}
        connection = http.client.HTTPConnection(
            *self.server.upstream, timeout=_UPSTREAM_TIMEOUT_SECONDS
        )
        try:
            connection.request(
                self.command, self.path, body, kept | {"Content-Length": str(len(body))}
            )
            answer = connection.getresponse()
            return HttpAnswer(
                status=answer.status, headers=dict(answer.getheaders()), body=answer.read()
            )
        finally:
            connection.close()

    def _answer(self, answer: HttpAnswer, *, cut_short: bool = False) -> None:
        self.send_response_only(answer.status)
        for name, text in answer.headers.items():
            if name.lower() not in _PER_HOP:
                self.send_header(name, text)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut_short else answer.body)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
