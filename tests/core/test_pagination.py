"""The chain of pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from comms_source.api.allowed_range import Allowed, AskedRange
from comms_source.api.client import PageAnswer
from comms_source.api.pagination import MAX_IDLE_PAGES, scan_pages
from comms_source.channels import CHANNELS, Channel
from comms_source.errors import EndlessScan
from comms_source.tables.page import Page
from comms_source.timespans import Span

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPAN = Span(NOON, NOON + timedelta(hours=1))
WEEK = timedelta(days=7)


class Book:
    """Pages in a row, each with the token of the next; it notes what it is asked for."""

    def __init__(self, pages: Sequence[tuple[Sequence[Any], str | None]]) -> None:
        self._pages = list(pages)
        self.asked: list[tuple[Span | None, str | None]] = []

    def list_page(
        self, *, channel: Channel, span: Span | None, page_token: str | None
    ) -> PageAnswer:
        """The next page."""
        assert channel is CHANNELS["emails"]
        rows, following = self._pages[len(self.asked)]
        self.asked.append((span, page_token))
        return PageAnswer(Page(list(rows), following, b""), NOON, None)


def pages_of(*pages: tuple[Sequence[Any], str | None]) -> tuple[Book, list[PageAnswer]]:
    """Scan through a book."""
    book = Book(pages)
    allowed = Allowed(retention=WEEK, clock=lambda: SPAN.end + timedelta(days=1))
    asked = AskedRange(SPAN, allowed=allowed)
    return book, list(scan_pages(client=book, channel=CHANNELS["emails"], asked=asked))


def test_a_scan_asks_a_second_more_on_both_sides_with_every_token() -> None:
    """Whether bounds are included is open; whether tokens remember filters is too."""
    book, _ = pages_of(([{"id": 1}], "a"), ([{"id": 2}], "b"), ([], None))

    wider = Span(SPAN.start - timedelta(seconds=1), SPAN.end + timedelta(seconds=1))
    assert book.asked == [(wider, None), (wider, "a"), (wider, "b")]


def test_short_and_empty_pages_do_not_end_a_scan() -> None:
    """Only the absence of a next token does."""
    _, answers = pages_of(([], "a"), ([{"id": 1}], "b"), ([], "c"), ([], "d"), ([{"id": 2}], None))

    assert [len(answer.page.rows) for answer in answers] == [0, 1, 0, 0, 1]


@pytest.mark.parametrize("tokens", ["aa", "aba", "abcb"])
def test_a_token_that_comes_a_second_time_ends_the_scan_with_an_error(tokens: str) -> None:
    """Whether at once or after a round; the error does not show the token."""
    pages = [([{"id": n}], token) for n, token in enumerate(tokens)]
    with pytest.raises(EndlessScan) as caught:
        pages_of(*pages, ([], None))

    assert "second time" in str(caught.value)


@pytest.mark.parametrize("rows", [[], [{"id": 1}, {"id": 2}], ["no object"]])
def test_pages_that_bring_nothing_new_for_ever_end_the_scan_with_an_error(rows: list[Any]) -> None:
    """Even where each has a token of its own."""
    pages = [(rows, f"token {n}") for n in range(MAX_IDLE_PAGES + 5)]
    with pytest.raises(EndlessScan, match="no new operation"):
        pages_of(*pages)


def test_many_empty_pages_with_something_between_are_fine() -> None:
    """What brings something new starts the count again."""
    pages: list[tuple[Sequence[Any], str | None]] = []
    for n in range(5):
        pages += [([], f"{n}-{k}") for k in range(MAX_IDLE_PAGES - 1)]
        pages += [([{"id": n}], f"{n}")]

    _, answers = pages_of(*pages, ([], None))

    assert len(answers) == 5 * MAX_IDLE_PAGES + 1
