"""How to ask the API: the only file that knows HTTP.

A client sends requests through the throttle, hands each reply to `verdicts`, and repeats what is worth
repeating as `retries` says.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from comms_source import __version__
from comms_source.api.redaction import guard_http_logs, scrub
from comms_source.api.responses import NOT_FOUND, Broken, Reply, classify_response, decoded
from comms_source.api.retries import RetryPolicy
from comms_source.api.throttle import Throttle
from comms_source.channels import Channel
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings, is_loopback
from comms_source.errors import ConnectionLost, CredentialsRefused
from comms_source.tables.page import Page, decode_page
from comms_source.timespans import Span, to_iso

T = TypeVar("T")

CONNECT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """One page of a list, and when it came."""

    page: Page
    received_at: datetime
    """By this machine's clock, in UTC."""
    api_time: datetime | None
    """By the API's clock, to the second; None where it did not say."""


@dataclass(frozen=True, slots=True)
class OperationAnswer:
    """One operation as decoded JSON, and when it came."""

    operation: Any
    body: bytes
    received_at: datetime


class RequestMeter(Protocol):
    """Counts what a client does."""

    def count_request(self, channel: str) -> None:
        """Count a request of `channel` that is being sent."""

    def count_answer(self) -> None:
        """Count an answer, of any status."""

    def count_retry(self) -> None:
        """Count a request that is sent again."""

    def count_wait(self, seconds: float) -> None:
        """Count a wait before a request is sent."""


class CommsClient:
    """Asks the API for lists and for single operations. Safe for threads."""

    def __init__(
        self,
        *,
        settings: Settings,
        throttle: Throttle,
        meter: RequestMeter,
        clock: Callable[[], datetime],
        on_reply: Callable[[datetime, Reply], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            settings: Where to ask, as whom, and how patiently.
            throttle: What every request passes.
            meter: Counts requests, answers, retries and waits.
            clock: Tells when an answer came.
            on_reply: Called with each reply, and when its request was sent; what it raises ends
                the request.
            transport: Carries the requests; by default a connection pool of the HTTP library.
        """
        guard_http_logs()
        self._settings = settings
        self._throttle = throttle
        self._meter = meter
        self._clock = clock
        self._on_reply = on_reply
        self._http = _open_http(settings, transport)

    def list_page(
        self,
        *,
        channel: Channel,
        span: Span | None,
        status: str | None = None,
        page_token: str | None = None,
        page_size: int | None = None,
    ) -> PageAnswer:
        """Ask for one page of the operations created in `span`, its bounds sent as they are.

        The filters go along with every page token, unchanged: whether a token remembers them is
        not documented. Without a span or a status, no such filter is sent.

        Raises:
            CommsSourceError: the outcome that `verdicts` gives the answer.
        """
        parameters = {"pageSize": str(page_size or self._settings.page_size)}
        if span:
            parameters |= {"startDate": to_iso(span.start), "endDate": to_iso(span.end)}
        if status is not None:
            parameters["status"] = status
        if page_token is not None:
            parameters["pageToken"] = page_token

        def attempt() -> PageAnswer:
            reply = self._send(channel, f"/{channel.path}/Operations", parameters)
            self._judge(reply, channel=channel, is_list=True, token=page_token)
            page = decoded(partial(decode_page, channel=channel), reply.body)
            return PageAnswer(page, reply.received_at, reply.api_time)

        return self._insist(attempt)

    def fetch_operation(self, *, channel: Channel, operation_id: str) -> OperationAnswer | None:
        """Ask for one operation by id; None where the channel knows none of that id (404).

        Raises:
            CommsSourceError: the outcome that `verdicts` gives the answer.
        """
        path = f"/{channel.path}/Operations/{quote(operation_id, safe='')}"

        def attempt() -> OperationAnswer | None:
            reply = self._send(channel, path, {})
            if reply.status == NOT_FOUND:
                return None
            self._judge(reply, channel=channel, is_list=False, token=None)
            operation = decoded(msgspec.json.decode, reply.body)
            return OperationAnswer(operation, reply.body, reply.received_at)

        return self._insist(attempt)

    def stop(self, reason: BaseException) -> None:
        """Send nothing more: every request that waits or comes raises `reason`."""
        self._throttle.close(reason)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _insist(self, attempt: Callable[[], T]) -> T:
        return RetryPolicy(
            max_api_wait=self._settings.max_api_wait.total_seconds(),
            attempts=self._settings.attempts,
            sleep=self._throttle.rest,
            pause_all=self._throttle.back_off,
            on_retry=self._meter.count_retry,
            on_wait=self._meter.count_wait,
        ).call(attempt)

    def _send(self, channel: Channel, path: str, parameters: dict[str, str]) -> Reply:
        with self._throttle.passing():
            self._meter.count_request(channel.name)
            sent_at = self._clock()
            response = self._get(path, parameters)
        self._meter.count_answer()
        reply = Reply(response.status_code, response.headers, response.content, self._clock())
        # Response and stream hold each other, and the body, until the garbage collector comes by.
        response.stream = httpx.ByteStream(b"")
        if self._on_reply is not None:
            self._on_reply(sent_at, reply)
        return reply

    def _get(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        # The library's exceptions hold the request, and with it credentials and token, so nothing
        # but their words may travel on.
        try:
            return self._http.get(path, params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            kind, words = type(error).__name__, str(error)
        said = scrub(words, secrets=self._secrets(parameters.get("pageToken"))) or "no details"
        host = urlsplit(self._settings.base_url).netloc
        raise Broken(
            ConnectionLost(
                f"no answer from {host} ({kind}: {said}); check the network, a proxy, and base_url"
            )
        )

    def _judge(self, reply: Reply, *, channel: Channel, is_list: bool, token: str | None) -> None:
        secrets = self._secrets(token)
        try:
            classify_response(reply, channel=channel.name, is_list=is_list, secrets=secrets)
        except CredentialsRefused as refusal:
            self.stop(refusal)
            raise
        self._throttle.recover()

    def _secrets(self, token: str | None) -> list[str | None]:
        credentials = self._settings.credentials
        return [token, credentials.password, basic_token(credentials)]


def basic_token(credentials: BasicCredentials) -> str:
    """What HTTP Basic authentication sends for these credentials."""
    return base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()


def _open_http(settings: Settings, transport: httpx.BaseTransport | None) -> httpx.Client:
    on_this_machine = is_loopback(urlsplit(settings.base_url).hostname or "")
    return httpx.Client(
        base_url=settings.base_url,
        auth=(settings.credentials.user, settings.credentials.password),
        headers={"Accept": "application/json", "User-Agent": f"comms-source/{__version__}"},
        timeout=httpx.Timeout(settings.timeout.total_seconds(), connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=settings.concurrency),
        follow_redirects=False,
        # A proxy from the environment has no business between two programs on one machine.
        trust_env=not on_this_machine,
        transport=transport,
    )
