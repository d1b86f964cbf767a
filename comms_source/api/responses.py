"""What an answer means: from a status, headers and a body to the outcome that the project gives it.

Pure: no connection, no clock. The documented statuses are 200, 400, 404, 429, 500 and 503; the
others are certain to happen all the same. What becomes of each:

    429                  Busy, shared: nobody sends until `Retry-After` has passed
    503                  Busy: this request waits for `Retry-After`
    500                  Failed: one more try (the API says not to insist)
    502, 504             Broken: a gateway's word, as good as a lost connection
    401                  CredentialsRefused
    403, 404 to a list   ChannelRefused
    400, other 4xx, 5xx  RequestRefused, with the API's own words
    1xx, 2xx but 200     EnvelopeMissing
    3xx                  Redirected
    200                  NotJson where it is a page for people; else the body decides
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
NOT_FOUND: Final = 404


class Fault(Exception):
    """An attempt that failed and may be worth another one."""

    attempts = 1
    """How many attempts, the first included, may end this way before it is given up."""

    def __init__(self, error: ScanFailed) -> None:
        """Hold the error that is raised once no further attempt is made."""
        super().__init__(str(error))
        self.error = error


class Broken(Fault):
    """The connection failed, or the answer arrived cut; the settings say how often to try again."""


class Failed(Fault):
    """The API reported a failure on its own side."""

    attempts = 2


class Busy(Fault):
    """The API asked to wait."""

    attempts = 300

    def __init__(self, error: ScanFailed, *, retry_after: float | None, shared: bool) -> None:
        """Hold for how many seconds (None: not said), and whether everybody has to wait."""
        super().__init__(error)
        self.retry_after = retry_after
        self.shared = shared


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request."""

    status: int
    headers: Mapping[str, str]
    """With names in any case, as the HTTP library hands them over."""
    body: bytes = field(repr=False)
    received_at: datetime
    """By this machine's clock, in UTC."""

    @property
    def api_time(self) -> datetime | None:
        """The API's own time, to the second; None where it did not say."""
        return _http_date(self.headers.get("date", ""))


def classify_response(
    reply: Reply, *, channel: str, is_list: bool, secrets: Iterable[str | None] = ()
) -> None:
    """Return if `reply` can be read as JSON, else raise its outcome, without `secrets` in it.

    Raises:
        Fault: if another attempt may help.
        CredentialsRefused, ChannelRefused, ScanFailed: if none will.
    """
    if reply.status == OK:
        return _reject_html(reply)
    raise _outcome(reply, channel=channel, is_list=is_list, words=_words(reply, secrets))


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """Decode a body that should be complete JSON.

    Raises:
        Broken: if it is not; a cut answer looks like that.
    """
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Broken(
            ConnectionLost(f"the answer is not complete JSON ({error}); a proxy may cut answers")
        ) from None


def _outcome(reply: Reply, *, channel: str, is_list: bool, words: str) -> Exception:
    status = reply.status
    if status in {429, 503}:
        return _busy(reply, words)
    if status == 500:  # noqa: PLR2004
        return Failed(ServerFault(f"the API failed, twice ({status}{words}); run again later"))
    if status in {502, 504}:
        return Broken(ConnectionLost(f"a gateway got no answer ({status}); run again later"))
    if status == 401:  # noqa: PLR2004
        return CredentialsRefused(
            f"the API does not accept the credentials (401{words}); check the account id and auth "
            "token, or the API key and its secret"
        )
    if status == 403 or (status == NOT_FOUND and is_list):  # noqa: PLR2004
        return ChannelRefused(
            f"{channel}: closed to these credentials ({status}{words}); ask for access, or leave "
            "the channel out of the channels setting"
        )
    return _unusable(reply, words)


def _unusable(reply: Reply, words: str) -> ScanFailed:
    status = reply.status
    if 300 <= status < 400:  # noqa: PLR2004
        return Redirected(
            f"the API redirects ({status}), which is not followed; set base_url to where it leads"
        )
    if status < 300:  # noqa: PLR2004
        return EnvelopeMissing(f"expected status 200, got {status}; check base_url")
    said = f"the API refuses the request ({status}{words})"
    return RequestRefused(said, status=status, api_time=reply.api_time)


def _busy(reply: Reply, words: str) -> Busy:
    shared = reply.status == 429  # noqa: PLR2004
    what = "too many requests" if shared else "the API is unavailable"
    error = StillBusy(
        f"{what} ({reply.status}{words}), for longer than max_api_wait allows; "
        + ("lower concurrency or set requests_per_second" if shared else "run again later")
    )
    return Busy(error, retry_after=_retry_after(reply), shared=shared)


def _reject_html(reply: Reply) -> None:
    kind = reply.headers.get("content-type", "")
    if "html" in kind.lower() or reply.body.lstrip()[:1] == b"<":
        raise NotJson(
            "the answer is a web page, not JSON; a proxy or a login page stands between this "
            "machine and the API, or base_url points elsewhere"
        )


def _retry_after(reply: Reply) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None where absent or unreadable."""
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


def _words(reply: Reply, secrets: Iterable[str | None]) -> str:
    """What the API says of itself in an error body, fit for a message; empty if nothing."""
    said = "; ".join(filter(None, map(_sentence, _errors(reply.body))))
    return ": " + scrub(said, secrets=secrets) if said else ""


def _errors(body: bytes) -> list[Any]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return errors if isinstance(errors, list) else []


def _sentence(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    where = error.get("context")
    at = f" at {where}" if where not in {None, "", "null"} else ""
    return f"{error.get('code', '')} {error.get('message', '')}".strip() + at
