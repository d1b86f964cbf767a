"""One scan: the chain of pages over one span of creation time, from its first page to its last.

The chain ends when the API names no next page, never because a page is short or empty. A chain that
cannot end is an error: a page token is repeated, or page after page brings nothing new. If the API
refuses the range, at the first page or a later one, a new chain over a narrower range starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from comms_source.api.allowed_range import RequestedRange
from comms_source.api.client import PageAnswer
from comms_source.channels import Channel
from comms_source.errors import EndlessScan, RequestRefused
from comms_source.timespans import Span
from comms_source.words import counted

MAX_IDLE_PAGES: Final = 100
"""How many pages in a row may bring only operations that the page before them had too."""


class Lister(Protocol):
    """What a scan needs from a client."""

    def list_page(
        self, *, channel: Channel, span: Span | None, page_token: str | None
    ) -> PageAnswer:
        """Request one page."""


def scan_pages(
    *, client: Lister, channel: Channel, requested: RequestedRange
) -> Iterator[PageAnswer]:
    """Request the pages of a range one after the other.

    The requested bounds are wider than the span by `BOUND_MARGIN` or a little more, since it is not
    documented whether the API includes bounds; the caller drops rows outside the span. If the chain
    starts over after a refusal, rows are repeated. At the end, `requested.covered` holds the span
    that was read.

    Raises:
        EndlessScan: if a page token is repeated, or too many pages bring nothing new.
        CommsSourceError: what the client raises; a refusal (400) only if a narrower range is
            refused too.
    """
    while requested.bounds is not None:
        try:
            yield from _chain(client, channel, requested)
        except RequestRefused as refusal:
            requested.narrow(refusal)
        else:
            return


def _chain(client: Lister, channel: Channel, requested: RequestedRange) -> Iterator[PageAnswer]:
    """The pages of one chain; its bounds are the same with every page token."""
    span, token, progress = requested.bounds, None, _Progress()
    while True:
        answer = client.list_page(channel=channel, span=span, page_token=token)
        requested.note_answer()
        yield answer
        token = answer.page.next_token
        if token is None:
            return
        progress.note(answer.page.identities(), token)


class _Progress:
    """Detects a chain of pages that cannot end."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._last: pa.Array[Any] = pa.array([], pa.string())
        self._idle = 0

    def note(self, identities: pa.Array[Any], token: str) -> None:
        if token in self._tokens:
            raise EndlessScan(
                f"after {counted(len(self._tokens), 'page')} the API returned a page token for the "
                "second time; the list would never end, so run again, and report it if it happens "
                "again"
            )
        self._tokens.add(token)
        known = pc.is_in(identities, value_set=self._last)
        self._idle = self._idle + 1 if pc.all(known).as_py() in {True, None} else 0
        self._last = identities
        if self._idle > MAX_IDLE_PAGES:
            raise EndlessScan(
                f"{self._idle} pages in a row brought no new operation, but named a next page; "
                "run again, and report it if it happens again"
            )
