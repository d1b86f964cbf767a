"""What becomes of a asked whose range the API refuses."""

from __future__ import annotations

import itertools
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.api.allowed_range import FIRST_MARGIN, LARGEST_MARGIN, Allowed, AskedRange
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
    "this run asks for what was created from 7 days less 1 minute ago up to a second ago"
)
WORDS = "the API refuses the request (400: 20004 out of range)"


class Api:
    """Refuses what is out of its range; each page takes its time, and a chain has so many."""

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
        self.asked: list[tuple[Span, str | None]] = []
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
        self.asked.append((span, page_token))
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
        self.allowed = Allowed(retention=retention, clock=api.clock)

    def asked(self, span: Span = WHOLE) -> AskedRange:
        """A asked, read to its end."""
        asked = AskedRange(span, allowed=self.allowed)
        for _ in scan_pages(client=self.api, channel=CHANNELS["emails"], asked=asked):
            pass
        return asked


def test_a_refused_range_is_asked_for_within_retention_and_up_to_now() -> None:
    """One request more; what is claimed is what was asked, less a second for its bounds."""
    run = Run(Api())

    asked = run.asked()

    (first, _), (second, _) = run.api.asked
    assert first == WHOLE.widened()
    assert second == Span(NOW + SECOND - WEEK + FIRST_MARGIN, NOW)
    assert asked.covered == Span(second.start + SECOND, second.end - SECOND)


def test_what_is_answered_is_claimed_as_a_whole() -> None:
    """Where nothing is refused, nothing changes."""
    run = Run(Api(retention=10 * WEEK))
    middle = Span(NOW - HOUR, NOW - HOUR / 2)

    assert run.asked(middle).covered == middle
    assert run.api.asked == [(middle.widened(), None)]
    assert run.allowed.margin is None


def test_a_run_is_refused_once_and_says_it_once(caplog: pytest.LogCaptureFixture) -> None:
    """Later ranges ask within the range from their first request on."""
    caplog.set_level(logging.INFO, "comms_source")
    run = Run(Api())

    ranges = [run.asked() for _ in range(4)]

    assert len(run.api.asked) == 5
    assert all(asked.narrowed for asked in ranges)
    assert [record.message for record in caplog.records] == [
        f"the API refuses lists beyond its range; {ASKED_FROM_NOW_ON}"
    ]


def test_a_chain_that_retention_overtakes_starts_over_with_twice_the_margin() -> None:
    """Each of its pages is asked for with the bounds of its first; the last may be refused."""
    run = Run(Api(pages=10, page_takes=MINUTE))

    asked = run.asked(Span(NOW - WEEK + HOUR / 6, NOW - HOUR))

    chains = [
        [span for span, _ in group]
        for _, group in itertools.groupby(run.api.asked, key=lambda asked: asked[0])
    ]
    assert [len(chain) for chain in chains] == [10, 2, 3, 5, 9, 10]
    assert run.allowed.margin == 16 * MINUTE
    assert asked.covered is not None
    assert asked.covered.start == chains[-1][0].start + SECOND


@pytest.mark.parametrize("status", [404, 405, 410, 422, 501, None])
def test_only_a_bad_request_makes_a_scan_start_over(status: int | None) -> None:
    """Other refusals have other reasons, and keep their words."""
    run = Run(Api(status=status))

    with pytest.raises(RequestRefused) as caught:
        run.asked()

    assert str(caught.value) == WORDS
    assert len(run.api.asked) == 1


def test_a_retention_shorter_than_the_setting_is_named_in_the_end() -> None:
    """After a margin of an hour was refused too; nothing is remembered for the run."""
    run = Run(Api(retention=timedelta(days=5)))

    with pytest.raises(RequestRefused) as caught:
        run.asked()

    starts = [span.start for span, _ in run.api.asked[1:]]
    margins = [start - (NOW - WEEK) for start in starts]
    assert [round(margin / MINUTE) for margin in margins] == [1, 2, 4, 8, 16, 32, 60]
    assert str(caught.value) == (
        f"{WORDS}, also within a narrower range, 2026-11-13T13:00:07Z to 2026-11-20T12:00:00Z; "
        "if the API keeps operations for less than 7 days, set retention"
    )
    assert run.allowed.margin is None


def test_a_refusal_in_the_middle_of_the_range_keeps_its_words() -> None:
    """There is nothing to narrow; it is no matter of the range, and is asked for once."""
    run = Run(Api(retention=HOUR))

    with pytest.raises(RequestRefused) as caught:
        run.asked(Span(NOW - 3 * HOUR, NOW - 2 * HOUR))

    assert str(caught.value) == WORDS
    assert len(run.api.asked) == 1


def test_a_refusal_at_the_end_alone_does_not_name_retention() -> None:
    """An end in the past is tried, and then it was not the end."""
    run = Run(Api(retention=HOUR))

    with pytest.raises(RequestRefused) as caught:
        run.asked(Span(NOW - 3 * HOUR, NOW))

    bounds = "2026-11-20T08:59:59Z to 2026-11-20T12:00:00Z"
    assert str(caught.value) == f"{WORDS}, also within a narrower range, {bounds}"
    assert len(run.api.asked) == 2


def test_a_scan_beyond_the_range_asks_nothing_and_claims_nothing() -> None:
    """Once the run knows; before it costs one request. A backfill is refused for it."""
    run = Run(Api())
    old = Span(NOW - 2 * WEEK, NOW - WEEK)

    first = run.asked(old)
    assert (first.covered, len(run.api.asked)) == (None, 1)
    run.asked()
    count = len(run.api.asked)
    again = run.asked(old)

    assert (again.covered, len(run.api.asked)) == (None, count)
    with pytest.raises(RequestRefused, match="more than 7 days ago"):
        again.require_some()


def test_the_apis_clock_counts_where_this_machines_is_ahead() -> None:
    """Else the end would stay in the API's future, and each request would be refused."""
    run = Run(Api(client_ahead=MINUTE / 2))

    asked = run.asked()

    assert len(run.api.asked) == 2
    assert run.api.asked[1][0].end == NOW
    assert asked.covered is not None


def test_threads_share_what_is_known() -> None:
    """The largest margin that was needed stays, whichever asked found it last."""
    allowed = Allowed(retention=WEEK, clock=lambda: NOW)

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
def test_a_scan_claims_nothing_that_its_last_chain_did_not_ask_for(
    bounds: list[list[datetime]], pages: int, page_takes: timedelta, ahead: int
) -> None:
    """For any span, however long it takes; and only what is near an edge is left out."""
    api = Api(pages=pages, page_takes=page_takes, client_ahead=ahead * SECOND)
    run = Run(api)

    for start, end in bounds:
        began, before = api.now, len(api.asked)
        asked = run.asked(Span(start, end))
        spans = [span for span, _ in api.asked[before:]]
        if asked.covered is not None:
            assert (
                clip(asked.covered, to=spans[-1])
                == asked.covered
                == clip(asked.covered, asked.span)
            )
        sure = _surely_kept(asked.span, began=began, ended=api.now)
        assert sure is None or (asked.covered and clip(sure, to=asked.covered) == sure)


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
