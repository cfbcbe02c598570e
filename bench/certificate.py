"""A certificate for 127.0.0.1, and a CA bundle as large as the usual one that trusts it."""

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from botocore.httpsession import get_cert_path
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Certificate(NamedTuple):
    """Files: the server's certificate with its key, and the bundle of its clients."""

    server: Path
    bundle: Path


def make(folder: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime(2000, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2100, 1, 1, tzinfo=UTC),
        extensions=[
            x509.Extension(
                x509.OID_SUBJECT_ALTERNATIVE_NAME,
                critical=False,
                value=x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
            )
        ],
    )
    signed = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = Certificate(server=folder / "server.pem", bundle=folder / "bundle.pem")
    made.server.write_bytes(signed + private)
    made.bundle.write_bytes(Path(get_cert_path(verify=True)).read_bytes() + signed)
    return made
