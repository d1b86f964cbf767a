"""Scans whose range the API refuses."""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.api.allowed_range import (
    FIRST_MARGIN,
    LARGEST_MARGIN,
    AllowedRange,
    RequestedRange,
)
from comms_source.api.client import PageAnswer
from comms_source.api.pagination import scan_pages
from comms_source.channels import CHANNELS, Channel
from comms_source.errors import RequestRefused
from comms_source.tables.page import Page
from comms_source.timespans import Span, clip
from comms_source.words import in_words

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
WEEK = timedelta(days=7)
WHOLE = Span(NOW - WEEK - HOUR / 2, NOW)
"""What a first load asks for: from a window's start, before retention, up to now."""
ASKED_FROM_NOW_ON = (
    "this run requests only operations created in the last 7 days minus 1 minute, "
    "up to one second ago"
)
WORDS = "the API refuses the request (400: 20004 out of range)"


class Api:
    """Refuses lists outside its range; `pages` pages per chain, `page_takes` for each."""

    def __init__(
        self,
        *,
        retention: timedelta = WEEK,
        pages: int = 1,
        page_takes: timedelta = SECOND,
        status: int | None = 400,
        client_ahead: timedelta = timedelta(0),
    ) -> None:
        self.now = NOW
        self.requests: list[tuple[Span, str | None]] = []
        self._retention = retention
        self._pages = pages
        self._page_takes = page_takes
        self._status = status
        self._ahead = client_ahead

    def clock(self) -> datetime:
        """The time on the client's machine."""
        return self.now + self._ahead

    def list_page(
        self, *, channel: Channel, span: Span | None, page_token: str | None
    ) -> PageAnswer:
        """The page of the token; its number is the one operation on it."""
        assert channel is CHANNELS["emails"]
        assert span is not None
        self.requests.append((span, page_token))
        self.now += self._page_takes
        if span.start < self.now - self._retention or span.end > self.now:
            raise RequestRefused(WORDS, status=self._status, api_time=self.now)
        number = int(page_token or 0)
        following = str(number + 1) if number + 1 < self._pages else None
        return PageAnswer(Page([{"id": number}], following, b""), self.now, self.now)


class Run:
    """Scans of one run against an API."""

    def __init__(self, api: Api, *, retention: timedelta = WEEK) -> None:
        self.api = api
        self.allowed = AllowedRange(retention=retention, clock=api.clock)

    def scan(self, span: Span = WHOLE) -> RequestedRange:
        """Scan a span to its end."""
        requested = RequestedRange(span, allowed=self.allowed)
        for _ in scan_pages(client=self.api, channel=CHANNELS["emails"], requested=requested):
            pass
        return requested


def test_a_refused_range_is_requested_within_retention() -> None:
    """It takes one more request; a second at each bound of the narrower range does not count."""
    run = Run(Api())

    requested = run.scan()

    (first, _), (second, _) = run.api.requests
    assert first == WHOLE.widened()
    assert second == Span(NOW + SECOND - WEEK + FIRST_MARGIN, NOW)
    assert requested.covered == Span(second.start + SECOND, second.end - SECOND)


def test_without_a_refusal_the_whole_span_is_covered() -> None:
    """The span is requested as it is, and no margin is learned."""
    run = Run(Api(retention=10 * WEEK))
    middle = Span(NOW - HOUR, NOW - HOUR / 2)

    assert run.scan(middle).covered == middle
    assert run.api.requests == [(middle.widened(), None)]
    assert run.allowed.margin is None


def test_a_run_is_refused_once_and_logs_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """Later scans stay within the allowed range from their first request on."""
    caplog.set_level(logging.INFO, "comms_source")
    run = Run(Api())

    ranges = [run.scan() for _ in range(4)]

    assert len(run.api.requests) == 5
    assert all(requested.narrowed for requested in ranges)
    assert [record.message for record in caplog.records] == [
        f"the API refuses lists outside its range; {ASKED_FROM_NOW_ON}"
    ]


def test_a_chain_overtaken_by_retention_restarts() -> None:
    """All pages of a chain have the bounds of the first, so a later one may be refused."""
    run = Run(Api(pages=10, page_takes=MINUTE))

    requested = run.scan(Span(NOW - WEEK + HOUR / 6, NOW - HOUR))

    chains = [
        [span for span, _ in group]
        for _, group in itertools.groupby(run.api.requests, key=lambda request: request[0])
    ]
    assert [len(chain) for chain in chains] == [10, 2, 3, 5, 9, 10]
    assert run.allowed.margin == 16 * MINUTE
    assert requested.covered is not None
    assert requested.covered.start == chains[-1][0].start + SECOND


@pytest.mark.parametrize("status", [404, 405, 410, 422, 501, None])
def test_only_a_bad_request_makes_a_scan_start_over(status: int | None) -> None:
    """Other refusals have other reasons, and keep their message."""
    run = Run(Api(status=status))

    with pytest.raises(RequestRefused) as caught:
        run.scan()

    assert str(caught.value) == WORDS
    assert len(run.api.requests) == 1


def test_the_last_refusal_suggests_a_shorter_retention() -> None:
    """When a margin of an hour is refused too, the message says so, and no margin is learned."""
    run = Run(Api(retention=timedelta(days=5)))

    with pytest.raises(RequestRefused) as caught:
        run.scan()

    starts = [span.start for span, _ in run.api.requests[1:]]
    margins = [start - (NOW - WEEK) for start in starts]
    assert [round(margin / MINUTE) for margin in margins] == [1, 2, 4, 8, 16, 32, 60]
    assert str(caught.value) == (
        f"{WORDS}, also within a narrower range, 2026-11-13T13:00:07Z to 2026-11-20T12:00:00Z; "
        "if the API keeps operations for less than 7 days, set retention"
    )
    assert run.allowed.margin is None


def test_a_refusal_within_the_allowed_range_keeps_its_message() -> None:
    """The range cannot be narrowed, so it is not the reason, and there is one request only."""
    run = Run(Api(retention=HOUR))

    with pytest.raises(RequestRefused) as caught:
        run.scan(Span(NOW - 3 * HOUR, NOW - 2 * HOUR))

    assert str(caught.value) == WORDS
    assert len(run.api.requests) == 1


def test_a_refusal_at_the_end_alone_does_not_name_retention() -> None:
    """An end in the past is tried once, and refused too."""
    run = Run(Api(retention=HOUR))

    with pytest.raises(RequestRefused) as caught:
        run.scan(Span(NOW - 3 * HOUR, NOW))

    bounds = "2026-11-20T08:59:59Z to 2026-11-20T12:00:00Z"
    assert str(caught.value) == f"{WORDS}, also within a narrower range, {bounds}"
    assert len(run.api.requests) == 2


def test_a_scan_before_the_retention_requests_and_covers_nothing() -> None:
    """The first one takes one request; later ones take none, and a backfill fails."""
    run = Run(Api())
    old = Span(NOW - 2 * WEEK, NOW - WEEK)

    first = run.scan(old)
    assert (first.covered, len(run.api.requests)) == (None, 1)
    run.scan()
    count = len(run.api.requests)
    again = run.scan(old)

    assert (again.covered, len(run.api.requests)) == (None, count)
    with pytest.raises(RequestRefused, match="more than 7 days ago"):
        again.require_allowed()


def test_the_apis_clock_is_used_if_this_machines_is_ahead() -> None:
    """Otherwise the end would be in the API's future, and each request would be refused."""
    run = Run(Api(client_ahead=MINUTE / 2))

    requested = run.scan()

    assert len(run.api.requests) == 2
    assert run.api.requests[1][0].end == NOW
    assert requested.covered is not None


def test_threads_share_the_learned_margin() -> None:
    """The largest margin that was needed is kept, regardless of the order in which they report."""
    allowed = AllowedRange(retention=WEEK, clock=lambda: NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: allowed.remember(n * MINUTE), [5, 3, 60, 1, 2, 8] * 20))

    assert allowed.margin == 60 * MINUTE


offsets = st.integers(0, 8 * 24 * 3600).map(lambda seconds: NOW - seconds * SECOND)
spans = st.tuples(offsets, offsets).filter(lambda pair: pair[0] != pair[1]).map(sorted)


@given(
    st.lists(spans, min_size=1, max_size=6),
    st.integers(1, 5),
    st.sampled_from([SECOND, 20 * SECOND, MINUTE, 5 * MINUTE]),
    st.integers(-60, 60),
)
def test_a_scan_covers_only_what_its_last_chain_requested(
    bounds: list[list[datetime]], pages: int, page_takes: timedelta, ahead: int
) -> None:
    """For any span and duration; and only instants near the limits are left out."""
    api = Api(pages=pages, page_takes=page_takes, client_ahead=ahead * SECOND)
    run = Run(api)

    for start, end in bounds:
        began, before = api.now, len(api.requests)
        requested = run.scan(Span(start, end))
        spans = [span for span, _ in api.requests[before:]]
        if requested.covered is not None:
            assert (
                clip(requested.covered, to=spans[-1])
                == requested.covered
                == clip(requested.covered, requested.span)
            )
        sure = _surely_kept(requested.span, began=began, ended=api.now)
        assert sure is None or (requested.covered and clip(sure, to=requested.covered) == sure)


def _surely_kept(span: Span, *, began: datetime, ended: datetime) -> Span | None:
    edge = ended - WEEK + LARGEST_MARGIN + 3 * SECOND
    return clip(span, to=Span(edge, began - 5 * SECOND)) if edge < began else None


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (WEEK, "7 days"),
        (timedelta(days=1), "1 day"),
        (36 * HOUR, "36 hours"),
        (90 * MINUTE, "90 minutes"),
        (90 * SECOND, "90 seconds"),
    ],
)
def test_a_length_of_time_is_written_as_the_settings_write_it(
    length: timedelta, words: str
) -> None:
    """In the largest unit of which it is a whole number."""
    assert in_words(length) == words
