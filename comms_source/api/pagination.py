"""One scan: the chain of pages over one span of creation time, from its first page to its last.

The chain ends when the API says that nothing follows, never because a page is short or empty. A
chain that cannot end, since a token comes back or page after page brings nothing new, is an error.
Where the API refuses the range, at the first page or at a later one, a chain over less takes over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from comms_source.api.allowed_range import AskedRange
from comms_source.api.client import PageAnswer
from comms_source.channels import Channel
from comms_source.errors import EndlessScan, RequestRefused
from comms_source.timespans import Span

MAX_IDLE_PAGES: Final = 100
"""How many pages in a row may bring no operation that the page before them did not have."""


class Lister(Protocol):
    """What a scan needs of a client."""

    def list_page(
        self, *, channel: Channel, span: Span | None, page_token: str | None
    ) -> PageAnswer:
        """Ask for one page."""


def scan_pages(*, client: Lister, channel: Channel, asked: AskedRange) -> Iterator[PageAnswer]:
    """Ask for the pages of a asked one after the other.

    The API is asked for a little more than the span, since it leaves open whether bounds are
    included; what lies outside is for the reader of the pages to drop. Where a refusal makes the
    chain start over, rows come again. What was read is in `asked.covered` at the end.

    Raises:
        EndlessScan: if a page token comes a second time, or nothing new comes for too long.
        CommsSourceError: what the client raises; a refusal (400) only if less is refused too.
    """
    while asked.span_asked is not None:
        try:
            yield from _chain(client, channel, asked)
        except RequestRefused as refusal:
            asked.narrow(refusal)
        else:
            return


def _chain(client: Lister, channel: Channel, asked: AskedRange) -> Iterator[PageAnswer]:
    """The pages of one chain, its bounds the same with every page token."""
    span, token, progress = asked.span_asked, None, _Progress()
    while True:
        answer = client.list_page(channel=channel, span=span, page_token=token)
        asked.note_answer()
        yield answer
        token = answer.page.next_token
        if token is None:
            return
        progress.note(answer.page.identities(), token)


class _Progress:
    """Whether a chain of pages gets anywhere."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._last: pa.Array[Any] = pa.array([], pa.string())
        self._idle = 0

    def note(self, identities: pa.Array[Any], token: str) -> None:
        if token in self._tokens:
            raise EndlessScan(
                f"after {len(self._tokens)} pages the API named a page token for the second time; "
                "following it would never end, so run again, and report it if it stays"
            )
        self._tokens.add(token)
        known = pc.is_in(identities, value_set=self._last)
        self._idle = self._idle + 1 if pc.all(known).as_py() in {True, None} else 0
        self._last = identities
        if self._idle > MAX_IDLE_PAGES:
            raise EndlessScan(
                f"{self._idle} pages in a row brought no new operation and still named a next one; "
                "run again, and report it if it stays"
            )
