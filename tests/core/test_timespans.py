"""Spans, windows, instants and durations."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.timespans import (
    Span,
    align_down,
    clip,
    parse_duration,
    parse_instant,
    to_iso,
    windows,
)

instants = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)
widths = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=2))
lengths = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9))
spans = st.builds(lambda start, length: Span(start, start + length), instants, lengths)


@given(spans, widths)
def test_windows_cover_a_span_without_gap_or_overlap(span: Span, width: timedelta) -> None:
    """Windows are adjacent, have one width, and cover the span without a superfluous window."""
    if span.width / width > 5000:
        width = span.width / 5000
    cut = list(windows(span, width))

    assert all(window.width == width for window in cut)
    assert all(a.end == b.start for a, b in itertools.pairwise(cut))
    assert cut[0].start <= span.start < cut[0].end
    assert cut[-1].start < span.end <= cut[-1].end


@given(instants, widths)
def test_windows_are_aligned_to_the_epoch(instant: datetime, width: timedelta) -> None:
    """Bounds are multiples of the width since the epoch, on every machine."""
    down = align_down(instant, width)

    assert down <= instant < down + width
    assert (down - datetime(1970, 1, 1, tzinfo=UTC)) % width == timedelta(0)


@given(spans, spans)
def test_clip_is_the_intersection_of_two_spans(one: Span, other: Span) -> None:
    """An instant is in the clipped span if and only if it is in both."""
    common = clip(one, other)
    for instant in (one.start, one.end, other.start, other.end):
        in_both = one.start <= instant < one.end and other.start <= instant < other.end
        in_common = common is not None and common.start <= instant < common.end
        assert in_both == in_common


@given(spans)
def test_a_widened_span_is_a_second_wider_on_both_sides(
    span: Span,
) -> None:
    """In whole seconds, so that nothing is missed whether or not the API includes bounds."""
    wider = span.widened()

    for margin in (span.start - wider.start, wider.end - span.end):
        assert timedelta(seconds=1) <= margin < timedelta(seconds=2)
    assert wider.start.microsecond == wider.end.microsecond == 0


@given(instants)
def test_an_instant_survives_a_round_trip(instant: datetime) -> None:
    """Formatting and parsing keeps it to the microsecond."""
    assert instant == parse_instant(to_iso(instant))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-15", datetime(2026, 1, 15, tzinfo=UTC)),
        (date(2026, 1, 15), datetime(2026, 1, 15, tzinfo=UTC)),
        ("2026-01-15T09:30:00", datetime(2026, 1, 15, 9, 30, tzinfo=UTC)),
        ("2026-01-15T09:30:00.25+02:00", datetime(2026, 1, 15, 7, 30, 0, 250000, tzinfo=UTC)),
        (
            datetime(2026, 1, 15, 9, tzinfo=timezone(timedelta(hours=-3))),
            datetime(2026, 1, 15, 12, tzinfo=UTC),
        ),
    ],
)
def test_instants_are_read_in_utc(value: str | date, expected: datetime) -> None:
    """Dates mean midnight, missing zones mean UTC, other zones are converted."""
    assert expected == parse_instant(value)


def test_text_that_is_not_a_date_is_refused() -> None:
    """It raises ValueError."""
    with pytest.raises(ValueError, match="yesterday"):
        parse_instant("yesterday")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 days", timedelta(days=7)),
        ("1 hour", timedelta(hours=1)),
        ("90minutes", timedelta(minutes=90)),
        ("1.5 Weeks", timedelta(weeks=1.5)),
        ("7d", timedelta(days=7)),
        ("90m", timedelta(minutes=90)),
        ("30 Sec", timedelta(seconds=30)),
        (" 2 hrs ", timedelta(hours=2)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    """Plural, short form, case and spaces do not matter."""
    assert expected == parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P7D", timedelta(days=7)),
        ("PT1H", timedelta(hours=1)),
        ("P1DT12H30M", timedelta(days=1, hours=12, minutes=30)),
        ("P2W", timedelta(weeks=2)),
    ],
)
def test_a_duration_may_be_in_iso_8601(text: str, expected: timedelta) -> None:
    """But for months and years, which have no fixed length."""
    assert expected == parse_duration(text)
    for other in ("P1M", "P1Y"):
        with pytest.raises(ValueError, match="is not a duration"):
            parse_duration(other)


@pytest.mark.parametrize("text", ["40000 days", "P40000D", "9" * 400 + " weeks", "P9999999999D"])
def test_a_duration_is_no_longer_than_a_century(text: str) -> None:
    """The calendar ends somewhere: a longer one would be an error of arithmetic later."""
    with pytest.raises(ValueError, match=r"is longer than a hundred years$"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "7", "days", "0 days", "-1 day", "3 fortnights", "500ms", "2026-01-01", "12:00", "P"],
)
def test_other_durations_are_refused_with_an_example(text: str) -> None:
    """The message shows how to write one."""
    with pytest.raises(ValueError, match="like '7 days'"):
        parse_duration(text)


def test_a_span_needs_a_length_and_time_zones() -> None:
    """Empty, reversed and naive spans are refused."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for start, end in ((noon, noon), (noon, noon - timedelta(1)), (noon.replace(tzinfo=None),) * 2):
        with pytest.raises(ValueError, match="a span needs"):
            Span(start, end)
