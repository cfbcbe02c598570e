"""An HTTPS server on 127.0.0.1 with certificates of its own, in the place of AWS."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


class Authority:
    """A CA; `bundle` is the file of those who trust it."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self._folder = folder
        self.bundle = folder / "bundle.pem"
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        made = self._certificate(self._name, self._key, 2100, constraints)
        folder.mkdir()
        self.bundle.write_bytes(made.public_bytes(Encoding.PEM))

    def issue(self, host: str = HOST, *, until_year: int = 2100) -> Path:
        """A file with a server's certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test server")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        made = self._certificate(name, key, until_year, names)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._folder / "server.pem"
        path.write_bytes(made.public_bytes(Encoding.PEM) + private)
        return path

    def _certificate(
        self, name: x509.Name, key: Any, until_year: int, extension: Any
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=datetime(2000, 1, 1, tzinfo=UTC),
            not_valid_after=datetime(until_year, 1, 1, tzinfo=UTC),
        )
        return builder.add_extension(extension, critical=True).sign(self._key, hashes.SHA256())


@dataclass(slots=True, kw_only=True)
class Served:
    """Where the server is, and the operations that reached it ("" where no header names one).

    `together`: an answer waits until so many calls are there at once.
    """

    url: str = ""
    answer: bytes = b"{}"
    calls: list[str] = field(default_factory=list)
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))


@contextmanager
def serving(certificate: Path) -> Iterator[Served]:
    served = Served()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            served.calls.append(self.headers.get("X-Amz-Target", "").partition(".")[2])
            served.together.wait(timeout=60)
            self.send_response(200)
            self.send_header("Content-Length", str(len(served.answer)))
            self.end_headers()
            self.wfile.write(served.answer)

        def log_message(self, *_: Any) -> None:
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer((HOST, 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    served.url = f"https://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
