"""The requests for details of an operation: lists of its resources, attempts, and errors.

`GET /{channel}?operationId=ID` and `GET /Messages/{id}` are documented. The lists of an operation's
errors and of a resource's receipts are named in the reference and have no schema there. The API
ignores a parameter that it does not know, without a word, so each row of a list of resources is
checked: it says which operation it belongs to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

from comms_source.api.client import FORBIDDEN, CommsClient, DetailsAnswer
from comms_source.api.responses import OK
from comms_source.channels import Channel
from comms_source.errors import (
    DetailsUnavailable,
    EndlessScan,
    EnvelopeMissing,
    FilterIgnored,
    RequestRefused,
)
from comms_source.tables.error_reader import Listed, Message, decode_listed, decode_message
from comms_source.tables.resource_reader import ResourcePage, decode_resources

NO_OPERATION: Final = f"comms_operation_{'0' * 26}"
"""An id as an operation's, that none has: the first instant of the clock that ids are made from."""


class BudgetSpent(Exception):
    """No more requests for details may be sent in this run."""


class RequestBudget:
    """How many requests for details a run may still send. Thread-safe."""

    def __init__(self, requests: int) -> None:
        """Allow so many; repetitions of a request do not count."""
        self._left = requests
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count a request that is about to be sent.

        Raises:
            BudgetSpent: if there were as many as allowed.
        """
        with self._lock:
            if self._left <= 0:
                raise BudgetSpent
            self._left -= 1


class _Page(Protocol):
    @property
    def next_token(self) -> str | None:
        """What to send for the page after this one."""


P = TypeVar("P", bound=_Page)


def _pages(
    request: Callable[[dict[str, str]], DetailsAnswer[P]], *, of: str
) -> Iterator[DetailsAnswer[P]]:
    """All pages of a list.

    Args:
        request: Requests a page, with the parameters that say which.
        of: What the list is about, for the error.

    Raises:
        EndlessScan: if a page token is repeated.
    """
    tokens: set[str] = set()
    following: dict[str, str] = {}
    while True:
        answer = request(following)
        yield answer
        token = answer.content.next_token
        if token is None:
            return
        if token in tokens:
            raise EndlessScan(
                f"a list of {of} has a page token for the second time; run again, and report it if "
                "it happens again"
            )
        tokens.add(token)
        following = {"pageToken": token}


class DetailsApi:
    """The requests for details of one channel's operations. Thread-safe."""

    def __init__(self, *, channel: Channel, take: Callable[[], None], page_size: int) -> None:
        """Prepare; `use` says what sends the requests.

        Args:
            channel: The channel.
            take: Called before each request; what it raises ends the reading.
            page_size: Resources on a page.
        """
        self._used: CommsClient | None = None
        self._channel = channel
        self._take = take
        self._page_size = page_size
        self._lock = threading.Lock()
        self._filters: bool | None = None
        """Whether the list heeds `operationId`; None as long as no row left a doubt."""
        self._receipts_refused: DetailsUnavailable | None = None
        self._messages_refused: DetailsUnavailable | None = None
        self._has_errors = False
        self._errors_refused: DetailsUnavailable | None = None

    def use(self, client: CommsClient) -> None:
        """Send the requests with this client."""
        self._used = client

    @property
    def _client(self) -> CommsClient:
        if self._used is None:
            raise AssertionError("there is a client before the first request")
        return self._used

    def resources(
        self, operation_id: str, *, status: str | None = None, most: int | None = None
    ) -> Iterator[DetailsAnswer[ResourcePage]]:
        """The pages of an operation's resources.

        Args:
            operation_id: The operation.
            status: Only those of this status.
            most: Only the first page, of so many resources.

        Raises:
            FilterIgnored: if the list has resources of other operations.
            DetailsUnavailable: if the API refuses the list.
            EndlessScan: if a page token is repeated.
            CommsSourceError: what the client raises.
        """
        parameters = {"operationId": operation_id, "pageSize": str(most or self._page_size)}
        if status is not None:
            parameters["status"] = status
        pages = _pages(lambda token: self._list(parameters | token), of=operation_id)
        for answer in pages if most is None else islice(pages, 1):
            self._check_filter(answer.content, operation_id)
            yield answer

    def message(self, message_id: str) -> DetailsAnswer[Message]:
        """A message with its attempts; nothing is requested where the API refused one before (403).

        Raises:
            DetailsUnavailable: if the API refuses it, or no longer knows it.
            EnvelopeMissing: if the answer is not about that message.
            CommsSourceError: what the client raises.
        """
        if self._messages_refused is not None:
            raise self._messages_refused
        self._take()
        try:
            answer = self._client.fetch_details(
                channel=self._channel,
                path=f"/{quote(message_id, safe='')}",
                parameters={},
                decode=decode_message,
            )
        except DetailsUnavailable as refused:
            if refused.status == FORBIDDEN:
                self._messages_refused = refused
            raise
        if answer.content.id != message_id:
            raise EnvelopeMissing("the API answered with another message than was asked for")
        return answer

    def errors(self, operation_id: str) -> list[DetailsAnswer[Listed]]:
        """The pages of an operation's errors; nothing is requested where the API refused before.

        Raises:
            DetailsUnavailable: if the API has no such list.
            EndlessScan: if a page token is repeated.
            CommsSourceError: what the client raises.
        """
        path = f"/Operations/{quote(operation_id, safe='')}/Errors"
        return [*_pages(lambda token: self._errors_page(path, token), of=operation_id)]

    def receipts(self, resource_id: str) -> list[Any]:
        """What became of each recipient of a resource that has several.

        Nothing is requested where the API refused it before.

        Raises:
            DetailsUnavailable: if the API has no such list.
            EndlessScan: if a page token is repeated.
            CommsSourceError: what the client raises.
        """
        if self._receipts_refused is not None:
            raise self._receipts_refused
        path = f"/{quote(resource_id, safe='')}/Receipts"
        pages = _pages(lambda token: self._undocumented(path, token), of=resource_id)
        try:
            return [receipt for page in pages for receipt in page.content.rows]
        except DetailsUnavailable as refused:
            self._receipts_refused = refused
            raise

    def _errors_page(self, path: str, token: dict[str, str]) -> DetailsAnswer[Listed]:
        if self._has_errors:
            return self._undocumented(path, token)
        # The others wait for the first answer: where there is no list, one request finds out.
        with self._lock:
            if self._errors_refused is not None:
                raise self._errors_refused
            try:
                page = self._undocumented(path, token)
            except DetailsUnavailable as refused:
                self._errors_refused = refused
                raise
            self._has_errors = True
            return page

    def _undocumented(self, path: str, parameters: dict[str, str]) -> DetailsAnswer[Listed]:
        """A page of a list that may be something else, or not be there at all.

        Raises:
            DetailsUnavailable: also where the API refuses the request for another reason, or
                answers with no list.
        """
        self._take()
        try:
            return self._client.fetch_details(
                channel=self._channel, path=path, parameters=parameters, decode=decode_listed
            )
        except RequestRefused as refused:
            raise DetailsUnavailable(str(refused), status=refused.status) from None
        except EnvelopeMissing as missing:
            raise DetailsUnavailable(str(missing), status=OK) from None

    def _list(self, parameters: dict[str, str]) -> DetailsAnswer[ResourcePage]:
        self._take()
        return self._client.fetch_details(
            channel=self._channel,
            path="",
            parameters=parameters,
            decode=partial(decode_resources, channel=self._channel),
        )

    def _check_filter(self, page: ResourcePage, operation_id: str) -> None:
        """Make sure that a page is about the operation, as far as its rows say, or the API heeds.

        Rows of some channels do not say which operation they belong to. Then the list is requested
        once for an operation that does not exist: it has rows only if the filter is ignored.
        """
        named = [resource.operations for resource in page.resources]
        if any(operations and operation_id not in operations for operations in named):
            raise FilterIgnored(
                f"{self._channel.name}: the API lists resources of other operations, so it ignores "
                "operationId; no details are loaded"
            )
        if all(named) or not named:
            return
        with self._lock:
            if self._filters is None:
                self._filters = not self._lists_any(NO_OPERATION)
        if not self._filters:
            raise FilterIgnored(
                f"{self._channel.name}: the API lists resources of an operation that does not "
                "exist, so it ignores operationId; no details are loaded"
            )

    def _lists_any(self, operation_id: str) -> bool:
        try:
            answer = self._list({"operationId": operation_id, "pageSize": "1"})
        except (RequestRefused, DetailsUnavailable):
            return False
        return bool(answer.content.resources)
