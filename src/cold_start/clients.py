"""botocore's clients, with what they would do again for each call or connection done once."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from ssl import SSLContext
from typing import Any

from botocore import __version__
from botocore.config import Config
from botocore.httpsession import get_cert_path

_trusting: dict[str, SSLContext] = {}
"""By CA bundle: the TLS context that has it loaded, which all clients of the process share."""


def create_client(
    session: Any,
    service: str,
    *,
    component: str,
    attempts_max: int,
    connections_max: int,
    connect_timeout_seconds: float,
    read_timeout_seconds: float,
    region_name: str | None = None,
    parameter_validation: bool = False,
) -> Any:
    """A client for adapters, which pass what is well-formed: botocore need not look again.

    botocore would also put its user agent, which names the `component`, together anew for each
    call: a quarter of what a call cost.
    """
    config = Config(
        parameter_validation=parameter_validation,
        user_agent=f"customer-status-fanout {component} botocore/{__version__}",
        connect_timeout=connect_timeout_seconds,
        read_timeout=read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts_max},
        max_pool_connections=connections_max,
    )
    client = session.create_client(service, region_name=region_name, config=config)
    if client.meta.endpoint_url.startswith("https:"):
        _read_bundle_once(client)
    return client


# Private functions


def _read_bundle_once(client: Any) -> None:
    """Load the CA bundle into the TLS context now, and not again for each connection.

    botocore gives urllib3 a context and, beside it, the bundle's path, which urllib3 loads into
    that context for each new connection: 14 ms each. Certificates and host names are verified as
    ever, since only the path is left out. A proxy has a context of its own, and keeps the path.
    """
    try:
        http = client._endpoint.http_session  # noqa: SLF001 (a test pins botocore's internals)
        verify = http._verify  # noqa: SLF001
        options = http._manager.connection_pool_kw  # noqa: SLF001
        context: SSLContext = options["ssl_context"]
        set_up: Callable[..., None] = http._setup_ssl_cert  # noqa: SLF001
    except (AttributeError, KeyError):
        _warn_once()
        return
    bundle = get_cert_path(verify)
    if not bundle:
        return
    with suppress(OSError):  # botocore tells at the first call what is wrong with the bundle
        if bundle not in _trusting:
            context.load_verify_locations(bundle)
            _trusting[bundle] = context
        shared = options["ssl_context"] = _trusting[bundle]

        def set_up_without_path(pool: Any, url: str, verify: Any) -> None:
            if getattr(pool, "conn_kw", {}).get("ssl_context") is shared:
                pool.cert_reqs, pool.ca_certs = "CERT_REQUIRED", None
            else:
                set_up(pool, url, verify)

        http._setup_ssl_cert = set_up_without_path  # noqa: SLF001


@cache
def _warn_once() -> None:
    logging.getLogger(__name__).warning(
        "Each connection reads the CA bundle again, which slows cold starts: "
        "cold_start/clients.py does not know the internals of botocore %s.",
        __version__,
    )
