"""Classifies responses: status, headers and body become an error, or the body is read.

No I/O, no clock. The documented statuses are 200, 400, 404, 429, 500 and 503; others happen too.

    429                  ServerBusy, shared: no request is sent until `Retry-After` has passed
    503                  ServerBusy: this request waits for `Retry-After`
    500                  ServerFailed: one retry (the documentation advises against more)
    502, 504             ConnectionBroken: a gateway's error is treated like a lost connection
    401                  CredentialsRefused
    403, 404 to a list   ChannelRefused
    400, other 4xx, 5xx  RequestRefused, with the API's own error message
    1xx, 2xx but 200     EnvelopeMissing
    3xx                  Redirected
    200                  NotJson if it is a web page; else the body is decoded

`common_error` and `reject_html` hold for the server that issues tokens too, see `token_responses`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import msgspec

from comms_source.api.redaction import scrub
from comms_source.errors import (
    ChannelRefused,
    ConnectionLost,
    CredentialsRefused,
    EnvelopeMissing,
    NotJson,
    Redirected,
    RequestRefused,
    ScanFailed,
    ServerFault,
    StillBusy,
)

T = TypeVar("T")

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers, in the words of messages."""

    name: str
    setting: str
    """The setting with its address."""
    too_many: str
    """What to do if it gets too many requests."""


API: Final = Server("the API", "base_url", "lower concurrency or set requests_per_second")


class RetryableError(Exception):
    """A failed attempt that may succeed if it is retried."""

    attempts = 1
    """How many attempts, the first included, may fail this way before the request is given up."""

    def __init__(self, error: ScanFailed) -> None:
        """Keep the error to raise when there are no more retries."""
        super().__init__(str(error))
        self.error = error


class ConnectionBroken(RetryableError):
    """The connection failed, or the response is incomplete; `Settings.attempts` is the limit."""


class ServerFailed(RetryableError):
    """The API reported an internal error."""

    attempts = 2


class ServerBusy(RetryableError):
    """The API requires a wait before the next request."""

    attempts = 300

    def __init__(self, error: ScanFailed, *, retry_after: float | None, shared: bool) -> None:
        """Keep the seconds to wait (None: not specified), and whether all requests have to wait."""
        super().__init__(error)
        self.retry_after = retry_after
        self.shared = shared


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to one request."""

    status: int
    headers: Mapping[str, str]
    """Names are compared without regard to case, as in the HTTP library."""
    body: bytes = field(repr=False)
    received_at: datetime
    """By this machine's clock, in UTC."""
    address: str = ""
    """What was asked for, without its parameters."""
    authorization: str = field(default="", repr=False)
    """What the request was authorized with: the value of its header."""

    @property
    def api_time(self) -> datetime | None:
        """The API's own time, to the second; None if the response has no date."""
        return _http_date(self.headers.get("date", ""))


def classify_response(
    reply: Reply,
    *,
    channel: str,
    is_list: bool,
    secrets: Iterable[str | None] = (),
    remedy: str = "check them",
) -> None:
    """Return if the body of `reply` may be JSON, else raise an error without `secrets` in it.

    Args:
        reply: The response.
        channel: The channel that was asked for.
        is_list: Whether it was a list, and not a single operation.
        secrets: What the error must not show.
        remedy: What to do about a 401.

    Raises:
        RetryableError: if a retry may help.
        CredentialsRefused, ChannelRefused, ScanFailed: if no retry will help.
    """
    if reply.status == OK:
        return reject_html(reply, API)
    said = message_of(reply, secrets)
    if reply.status == UNAUTHORIZED:
        raise CredentialsRefused(f"the API does not accept the credentials (401{said}); {remedy}")
    if reply.status == 403 or (reply.status == NOT_FOUND and is_list):  # noqa: PLR2004
        raise _refused(reply, channel=channel, said=said)
    raise common_error(reply, API, said=said)


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode a body that should be complete JSON.

    Raises:
        ConnectionBroken: if it is not, as when the connection was cut.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConnectionBroken(
            ConnectionLost(f"the response is not complete JSON ({error}); a proxy may cut it off")
        ) from None


def common_error(reply: Reply, server: Server, *, said: str) -> Exception:
    """The error for a status that means the same from each server; it is to be raised.

    Args:
        reply: The response; its status is not 200.
        server: Whose response it is.
        said: The server's own message, as `message_of` returns it.
    """
    status = reply.status
    if status in {429, 503}:
        return _busy(reply, server, said)
    if status == 500:  # noqa: PLR2004
        fault = ServerFault(f"{server.name} failed twice ({status}{said}); run again later")
        return ServerFailed(fault)
    if status in {502, 504}:
        lost = f"a gateway got no response from {server.name} ({status}); run again later"
        return ConnectionBroken(ConnectionLost(lost))
    return _unusable(reply, server, said)


def _refused(reply: Reply, *, channel: str, said: str) -> ChannelRefused:
    answer = f"({reply.status}{said})"
    if reply.status == NOT_FOUND:
        return ChannelRefused(
            f"{channel}: not open to these credentials, or not at {reply.address} {answer}; check "
            "base_url, which includes the version (/v1), request access, or remove the channel "
            "from the channels setting"
        )
    return ChannelRefused(
        f"{channel}: not open to these credentials {answer}; request access, or remove the channel "
        "from the channels setting"
    )


def _unusable(reply: Reply, server: Server, said: str) -> ScanFailed:
    status = reply.status
    if 300 <= status < 400:  # noqa: PLR2004
        return Redirected(
            f"{server.name} redirects ({status}), which is not followed; set {server.setting} to "
            "the target"
        )
    if status < 300:  # noqa: PLR2004
        return EnvelopeMissing(f"expected status 200, got {status}; check {server.setting}")
    message = f"{server.name} refuses the request ({status}{said})"
    return RequestRefused(message, status=status, api_time=reply.api_time)


def _busy(reply: Reply, server: Server, said: str) -> ServerBusy:
    shared = reply.status == 429  # noqa: PLR2004
    what = "too many requests" if shared else f"{server.name} is unavailable"
    error = StillBusy(
        f"{what} ({reply.status}{said}), for longer than max_api_wait allows; "
        + (server.too_many if shared else "run again later")
    )
    return ServerBusy(error, retry_after=_retry_after(reply), shared=shared)


def reject_html(reply: Reply, server: Server) -> None:
    """Reject a web page.

    Raises:
        NotJson: if the response is one.
    """
    kind = reply.headers.get("content-type", "")
    if "html" in kind.lower() or reply.body.lstrip()[:1] == b"<":
        raise NotJson(
            "the response is a web page, not JSON; a proxy or a login page may be between this "
            f"machine and {server.name}, or {server.setting} is wrong"
        )


def _retry_after(reply: Reply) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None if absent or unreadable."""
    text = reply.headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        instant = _http_date(text)
        seconds = (
            (instant - (reply.api_time or reply.received_at)).total_seconds() if instant else -1
        )
    return seconds if 0 <= seconds < float("inf") else None


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def message_of(reply: Reply, secrets: Iterable[str | None]) -> str:
    """The server's own error message without `secrets`, to append to ours; empty if it has none."""
    said = "; ".join(filter(None, map(_as_text, _errors(reply.body))))
    return ": " + scrub(said, secrets=secrets) if said else ""


def _errors(body: bytes) -> list[Any]:
    """The errors that a body names: a list of them, or, for a 401, a single one as the body."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    if not isinstance(content, dict):
        return []
    errors = content.get("errors")
    return errors if isinstance(errors, list) else [content]


def _as_text(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    where, message = error.get("context"), error.get("message")
    at = f" at {where}" if where not in (None, "", "null") else ""
    return f"{error.get('code') or ''} {message}".strip() + at if message else ""
