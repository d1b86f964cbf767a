"""The HTTP library's client, and what may be wrong with its surroundings.

That is proxies and certificates that cannot be used, and connections that fail.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from comms_source.api.redaction import scrub
from comms_source.api.responses import ConnectionBroken
from comms_source.config.settings import Settings, is_loopback
from comms_source.errors import ConfigurationError, ConnectionLost, HostUnreachable

CONNECT_SECONDS: Final = 10.0
"""How long opening a connection may take; a slow answer may take longer."""

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_CERTIFICATES: Final = ("ssl_cert_file", "ssl_cert_dir")


def open_http(
    settings: Settings,
    transport: httpx.BaseTransport | None = None,
    *,
    address: str | None = None,
) -> httpx.Client:
    """A client for an address, by default the API's; it adds no credentials to requests.

    Raises:
        ConfigurationError: if a variable of the environment that names a proxy or certificates
            cannot be used.
    """
    on_this_machine = is_loopback(urlsplit(address or settings.base_url).hostname or "")
    try:
        return httpx.Client(
            base_url=address or settings.base_url,
            headers={
                "Accept": "application/json",
                "User-Agent": f"comms-source/{version('comms-source')}",
            },
            timeout=httpx.Timeout(settings.timeout.total_seconds(), connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=settings.concurrency),
            follow_redirects=False,
            # Two programs on one machine need no proxy, even if the environment names one.
            trust_env=not on_this_machine,
            transport=transport,
        )
    except OSError as error:
        raise _unusable(_CERTIFICATES, error, remedy="name a file of certificates") from None
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        raise _unusable(_PROXIES, error, remedy="correct or unset it") from None


def exchange(
    send: Callable[[], httpx.Response],
    *,
    address: str,
    setting: str,
    secrets: Iterable[str | None],
) -> httpx.Response:
    """Send a request and read its whole response.

    Args:
        send: Does it, with the HTTP library.
        address: Where it is sent to, for messages.
        setting: The setting with that address.
        secrets: What no message may show.

    Raises:
        HostUnreachable: if the host's certificate is not trusted.
        ConnectionBroken: if there is no response, or one that cannot be unpacked.
    """
    # The library's exceptions refer to the request, and so to credentials and page token. So only
    # their text may be passed on.
    try:
        return send()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        kind, text = type(error).__name__, str(error)
    details = scrub(text, secrets=secrets) or "no details"
    host = urlsplit(address).netloc
    if "CERTIFICATE_VERIFY_FAILED" in details:
        raise HostUnreachable(
            f"the certificate of {host} is not trusted; if a proxy here replaces certificates, "
            "set SSL_CERT_FILE to a file with its own"
        )
    if kind == "DecodingError":
        raise ConnectionBroken(
            ConnectionLost(
                f"the response of {host} is not compressed as its header says ({details}); a "
                "proxy may change it"
            )
        )
    raise ConnectionBroken(
        ConnectionLost(
            f"no response from {host} ({kind}: {details}); check the network, the proxy and "
            f"{setting}"
        )
    )


def _unusable(names: tuple[str, ...], error: Exception, *, remedy: str) -> ConfigurationError:
    """Which variable is at fault: the one that fails on its own, or else all that are set."""
    there = [name for name in os.environ if name.lower() in names]
    wrong = [name for name in there if _fails(name)] or there
    why = (str(error) or type(error).__name__).splitlines()[0]
    return ConfigurationError(f"{' or '.join(wrong)}: cannot be used ({why}); {remedy}")


def _fails(name: str) -> bool:
    try:
        if name.lower() == "ssl_cert_file":
            ssl.create_default_context(cafile=os.environ[name])
        for use in _uses(name.lower(), os.environ[name]):
            httpx.Client(trust_env=False, **use).close()
    except (httpx.InvalidURL, ValueError, ImportError, OSError):
        return True
    return False


def _uses(name: str, value: str) -> Iterator[dict[str, Any]]:
    """What the HTTP library makes of a variable."""
    if name == "no_proxy":
        for host in filter(None, map(str.strip, value.split(","))):
            yield {"mounts": {host if "://" in host else f"all://*{host}": None}}
    elif name in _PROXIES:
        yield {"proxy": value if "://" in value else f"http://{value}"}
