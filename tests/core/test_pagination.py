"""The chain of pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from comms_source.api.allowed_range import AllowedRange, RequestedRange
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
    """A list of pages, each with the token of the next; it records the requests."""

    def __init__(self, pages: Sequence[tuple[Sequence[Any], str | None]]) -> None:
        self._pages = list(pages)
        self.requests: list[tuple[Span | None, str | None]] = []

    def list_page(
        self, *, channel: Channel, span: Span | None, page_token: str | None
    ) -> PageAnswer:
        """The next page."""
        assert channel is CHANNELS["emails"]
        rows, following = self._pages[len(self.requests)]
        self.requests.append((span, page_token))
        return PageAnswer(Page(list(rows), following, b""), NOON, None)


def pages_of(*pages: tuple[Sequence[Any], str | None]) -> tuple[Book, list[PageAnswer]]:
    """Scan a book to its end."""
    book = Book(pages)
    allowed = AllowedRange(retention=WEEK, clock=lambda: SPAN.end + timedelta(days=1))
    requested = RequestedRange(SPAN, allowed=allowed)
    return book, list(scan_pages(client=book, channel=CHANNELS["emails"], requested=requested))


def test_a_scan_requests_one_more_second_on_both_sides() -> None:
    """It is not documented whether bounds are included, or whether tokens include filters."""
    book, _ = pages_of(([{"id": 1}], "a"), ([{"id": 2}], "b"), ([], None))

    wider = Span(SPAN.start - timedelta(seconds=1), SPAN.end + timedelta(seconds=1))
    assert book.requests == [(wider, None), (wider, "a"), (wider, "b")]


def test_short_and_empty_pages_do_not_end_a_scan() -> None:
    """Only a page without a next token does."""
    _, answers = pages_of(([], "a"), ([{"id": 1}], "b"), ([], "c"), ([], "d"), ([{"id": 2}], None))

    assert [len(answer.page.rows) for answer in answers] == [0, 1, 0, 0, 1]


@pytest.mark.parametrize("tokens", ["aa", "aba", "abcb"])
def test_a_repeated_token_is_an_error(tokens: str) -> None:
    """Immediately or some pages later; the error does not show the token."""
    pages = [([{"id": n}], token) for n, token in enumerate(tokens)]
    with pytest.raises(EndlessScan) as caught:
        pages_of(*pages, ([], None))

    assert "second time" in str(caught.value)


@pytest.mark.parametrize("rows", [[], [{"id": 1}, {"id": 2}], ["no object"]])
def test_too_many_pages_without_new_rows_are_an_error(rows: list[Any]) -> None:
    """Even if each page has a different token."""
    pages = [(rows, f"token {n}") for n in range(MAX_IDLE_PAGES + 5)]
    with pytest.raises(EndlessScan, match="no new operation"):
        pages_of(*pages)


def test_many_empty_pages_with_new_rows_in_between_are_fine() -> None:
    """A page with a new row restarts the count."""
    pages: list[tuple[Sequence[Any], str | None]] = []
    for n in range(5):
        pages += [([], f"{n}-{k}") for k in range(MAX_IDLE_PAGES - 1)]
        pages += [([{"id": n}], f"{n}")]

    _, answers = pages_of(*pages, ([], None))

    assert len(answers) == 5 * MAX_IDLE_PAGES + 1
