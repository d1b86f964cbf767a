"""The HTTP client of the API.

It sends each request through the throttle with its credentials (`authorization`), classifies the
response (`responses`), and follows the retry policy (`retries`).

The access token of an OAuth app is requested inside the throttle's slot and the retry policy of the
request that needs it. An `httpx.Auth` would do that, and repeat requests after a 401, without them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from comms_source.api.authorization import Authorization
from comms_source.api.http import exchange, open_http
from comms_source.api.redaction import guard_http_logs
from comms_source.api.responses import (
    API,
    NOT_FOUND,
    OK,
    UNAUTHORIZED,
    Reply,
    classify_response,
    decoded,
    message_of,
)
from comms_source.api.retries import RetryPolicy
from comms_source.api.throttle import Throttle
from comms_source.channels import Channel
from comms_source.config.settings import Settings
from comms_source.errors import (
    ConfigurationError,
    CredentialsRefused,
    DetailsUnavailable,
    EnvelopeMissing,
)
from comms_source.tables.page import Page, decode_page
from comms_source.timespans import Span, to_iso

T = TypeVar("T")

FORBIDDEN: Final = 403
UNAVAILABLE: Final = frozenset({FORBIDDEN, NOT_FOUND, 405})
"""The statuses with which the API refuses details, or does not know of them."""

_PARSING: Final = threading.Lock()
"""Held while a page is parsed. Threads that parse side by side on a few cores delay each other, and
the thread that writes: a load of a million operations takes a tenth less time with it."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """One page of a list, and when it was received."""

    page: Page
    received_at: datetime
    """By this machine's clock, in UTC."""
    api_time: datetime | None
    """By the API's clock, to the second; None if the response has no date."""


@dataclass(frozen=True, slots=True)
class OperationAnswer:
    """One operation as decoded JSON, and when it was received."""

    operation: Any
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True)
class DetailsAnswer(Generic[T]):
    """One response about details, decoded, and when it was received."""

    content: T
    received_at: datetime


class RequestMeter(Protocol):
    """Counts what a client does."""

    def count_request(self, channel: str) -> None:
        """Count a request for `channel` that is about to be sent."""

    def count_answer(self) -> None:
        """Count a response, whether it is a success or an error."""

    def count_retry(self) -> None:
        """Count a retry."""

    def count_wait(self, seconds: float) -> None:
        """Count a wait before a request is sent."""


class CommsClient:
    """Requests lists and single operations from the API. Thread-safe."""

    def __init__(
        self,
        *,
        settings: Settings,
        authorization: Authorization,
        throttle: Throttle,
        meter: RequestMeter,
        clock: Callable[[], datetime],
        on_reply: Callable[[datetime, Reply], None] | None = None,
        learned: Callable[[str], frozenset[str]] = lambda _: frozenset(),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Create a client; nothing is sent yet.

        Args:
            settings: Address, timeouts and limits of retries.
            authorization: Authorizes each request; closed with this client, and usable again.
            throttle: Limits all requests.
            meter: Counts requests, responses, retries and waits.
            clock: The time on this machine, for when a response was received.
            on_reply: Called with the time at which a request was sent, and the reply to it. An
                exception that it raises ends the request.
            learned: Returns the undocumented counters of a channel that this run has found so far.
            transport: Sends the requests; by default the HTTP library's connection pool.
        """
        guard_http_logs()
        self._settings = settings
        self._authorization = authorization
        self._throttle = throttle
        self._meter = meter
        self._clock = clock
        self._on_reply = on_reply
        self._learned = learned
        self._http = open_http(settings, transport)

    def list_page(
        self,
        *,
        channel: Channel,
        span: Span | None,
        status: str | None = None,
        page_token: str | None = None,
        page_size: int | None = None,
    ) -> PageAnswer:
        """Request one page of the operations created in `span`, its bounds sent unchanged.

        The filters are sent with every page token: it is not documented whether a token includes
        them. Without a span or a status, no such filter is sent.

        Raises:
            CommsSourceError: if the response is an error, as `classify_response` classifies it.
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
            self._check(reply, channel=channel, is_list=True, token=page_token)
            decode = partial(decode_page, channel=channel, learned=self._learned(channel.name))
            with _PARSING:
                page = decoded(decode, reply.body)
            return PageAnswer(page, reply.received_at, reply.api_time)

        return self._with_retries(attempt)

    def fetch_operation(self, *, channel: Channel, operation_id: str) -> OperationAnswer | None:
        """Request one operation by id; None if the channel has none with that id (404).

        Raises:
            EnvelopeMissing: if the answer is not about that operation.
            CommsSourceError: if the response is an error, as `classify_response` classifies it.
        """
        path = f"/{channel.path}/Operations/{quote(operation_id, safe='')}"

        def attempt() -> OperationAnswer | None:
            reply = self._send(channel, path, {})
            if reply.status == NOT_FOUND:
                return None
            self._check(reply, channel=channel, is_list=False, token=None)
            operation = decoded(msgspec.json.decode, reply.body)
            if isinstance(operation, dict) and operation.get("id", operation_id) != operation_id:
                raise EnvelopeMissing("the API answered with another operation than was asked for")
            if isinstance(operation, dict) and "operations" in operation:
                raise EnvelopeMissing("the API answered with a list instead of one operation")
            return OperationAnswer(operation, reply.body, reply.received_at)

        return self._with_retries(attempt)

    def fetch_details(
        self,
        *,
        channel: Channel,
        path: str,
        parameters: dict[str, str],
        decode: Callable[[bytes], T],
    ) -> DetailsAnswer[T]:
        """Request what is behind the counters of an operation, below the channel's own path.

        Raises:
            DetailsUnavailable: for 403, 404 and 405.
            CommsSourceError: if the response is another error, as `classify_response` classifies
                it.
        """
        token = parameters.get("pageToken")

        def attempt() -> DetailsAnswer[T]:
            reply = self._send(channel, f"/{channel.path}{path}", parameters)
            if reply.status != OK:
                reply = replace(reply, body=self._without_addresses(reply.body))
            if reply.status in UNAVAILABLE:
                said = message_of(reply, self._secrets(token, reply.authorization))
                answer = f"({reply.status}{said})"
                if reply.status == FORBIDDEN:
                    raise DetailsUnavailable(
                        f"not open to these credentials {answer}; request access, or take it out "
                        "of the details setting",
                        status=reply.status,
                    )
                raise DetailsUnavailable(f"the API does not offer it {answer}", status=reply.status)
            self._check(reply, channel=channel, is_list=False, token=token)
            return DetailsAnswer(decoded(decode, reply.body), reply.received_at)

        return self._with_retries(attempt)

    def _without_addresses(self, body: bytes) -> bytes:
        """The body of an error, which may quote what was sent to whom."""
        try:
            content = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return b""
        return msgspec.json.encode(self._settings.personal.texts(content))

    @property
    def stopped_by(self) -> BaseException | None:
        """What `stop` was given first; None if it was not called."""
        return self._throttle.closed_by

    def stop(self, reason: BaseException) -> None:
        """Send nothing more: waiting and later requests raise `reason`."""
        self._throttle.close(reason)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._authorization.close()

    def _with_retries(self, attempt: Callable[[], T]) -> T:
        policy = RetryPolicy(
            max_api_wait=self._settings.max_api_wait.total_seconds(),
            attempts=self._settings.attempts,
            sleep=self._throttle.rest,
            pause_all=self._throttle.back_off,
            on_retry=self._meter.count_retry,
            on_wait=self._meter.count_wait,
        )
        try:
            return policy.call(attempt)
        except (CredentialsRefused, ConfigurationError) as refusal:
            self.stop(refusal)
            raise

    def _send(self, channel: Channel, path: str, parameters: dict[str, str]) -> Reply:
        """The reply to a request; after a 401, to the one repetition that has a newer token."""
        reply = self._send_once(channel, path, parameters)
        if reply.status != UNAUTHORIZED or not self._authorization.replaces(reply.authorization):
            return reply
        self._meter.count_retry()
        return self._send_once(channel, path, parameters)

    def _send_once(self, channel: Channel, path: str, parameters: dict[str, str]) -> Reply:
        with self._throttle.slot():
            header = self._authorization.header()
            self._meter.count_request(channel.name)
            sent_at = self._clock()
            response = self._get(path, parameters, header)
        self._meter.count_answer()
        reply = Reply(
            response.status_code,
            response.headers,
            response.content,
            self._clock(),
            address=str(response.url.copy_with(query=None)),
            authorization=header,
        )
        if reply.status == OK:
            self._authorization.note_accepted(header)
        # Response and stream refer to each other, and so keep the body in memory until the garbage
        # collector runs.
        response.stream = httpx.ByteStream(b"")
        if self._on_reply is not None:
            self._on_reply(sent_at, reply)
        return reply

    def _get(self, path: str, parameters: dict[str, str], header: str) -> httpx.Response:
        return exchange(
            lambda: self._http.get(path, params=parameters, headers={"Authorization": header}),
            address=self._settings.base_url,
            setting=API.setting,
            secrets=self._secrets(parameters.get("pageToken"), header),
        )

    def _check(self, reply: Reply, *, channel: Channel, is_list: bool, token: str | None) -> None:
        classify_response(
            reply,
            channel=channel.name,
            is_list=is_list,
            secrets=self._secrets(token, reply.authorization),
            remedy=self._authorization.remedy,
        )
        self._throttle.recover()

    def _secrets(self, page_token: str | None, header: str) -> list[str | None]:
        """What no message may show; of the header, what follows its scheme."""
        return [page_token, header.partition(" ")[2], self._authorization.secret]
