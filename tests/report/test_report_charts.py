"""The charts, before and after they are rendered."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.report.data.facts import HourVolume, SettlePoint
from comms_source.report.data.sums import Share, Sums
from comms_source.report.findings.hours import heat_of
from comms_source.report.html.charts.delivery import (
    Point,
    finding,
    lines_of,
    notes,
    own_scale,
    parts_of,
    shares_of,
    stripes_of,
)
from comms_source.report.html.charts.drawing import Drawing, svg
from comms_source.report.html.charts.hours import top_of
from comms_source.report.html.charts.settling import lines_of as settle_lines
from comms_source.report.html.charts.settling import settling
from tests.report.parsed import parse

FIRST = date(2026, 11, 1)


class Chart:
    """Stands in for an Altair chart; the rendered SVG is given."""

    def to_dict(self) -> dict[str, Any]:
        """An empty specification."""
        return {}


def drawn(content: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The result for an SVG of vl-convert."""
    import vl_convert  # noqa: PLC0415 - it is slow to import

    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{content}</svg>'
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda _: text)
    return svg(Drawing(Chart(), about='a "b" & <c>', finding="It shows."))


def test_a_drawing_keeps_its_shapes_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths and text remain, with the colours of the page's style."""
    path = '<g transform="translate(1,2)"><path d="M0,0h9" fill="var(--first)"/></g>'
    kept = drawn(f"{path}<text font-size='13px'>91%</text>", monkeypatch)

    assert '<path d="M0,0h9" fill="var(--first)"' in kept
    assert 'transform="translate(1,2)"' in kept
    assert parse(kept).text == "91%"
    assert parse(kept).one("svg").attributes["aria-label"] == 'a "b" & <c>. It shows.'


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        "<style>@import 'x'</style>",
        "<foreignObject><p>x</p></foreignObject>",
        '<image href="http://example.com/x.png"/>',
        '<a href="http://example.com/"><text>x</text></a>',
        '<path d="M0,0h9" onclick="alert(1)" style="fill: red"/>',
        '<path d="M0,0h9" fill="url(http://example.com/x)" class="x" id="x"/>',
        '<rect width="9" height="9" fill="url(#gradient)"/>',
    ],
)
def test_a_drawing_loses_everything_else(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Scripts, styles, references, classes and ids are removed."""
    kept = drawn(content, monkeypatch)

    assert not re.search(r"script|style|foreign|image|href|http|url|class|id=|onclick", kept)


def point(ago: int, **more: Any) -> Point:
    """A day that was read completely, `ago` days before the last."""
    return Point(day=FIRST + timedelta(days=30 - ago), covered_share=1.0, **more)


def sums(*, requested: int = 100, delivered: int = 90, failed: int = 6, **more: Any) -> Sums:
    """The messages of a day, some of them without an outcome."""
    known: dict[str, Any] = {
        "operations": 1,
        "requested": requested,
        "attempted": requested,
        "delivered_low": delivered,
        "delivered_high": delivered,
        "not_delivered": failed,
        "engaged": delivered // 3,
        "in_flight_low": requested - delivered - failed,
        "unconfirmed_low": 0,
    }
    return Sums(**known | more)


DAYS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=31)


@given(DAYS)
def test_lines_join_consecutive_known_days(days: list[tuple[bool, bool]]) -> None:
    """Each pair of consecutive days is joined once, dashed if one of them may still change."""
    points = [
        point(30 - number, sums=sums() if known else Sums(), moves=moves)
        for number, (known, moves) in enumerate(days)
    ]
    pairs = [
        (moves, left.day, right.day)
        for moves, line in lines_of(points, "delivered")
        for left, right in pairwise(line)
    ]
    assert pairs == [
        (left.moves or right.moves, left.day, right.day)
        for left, right in pairwise(points)
        if left.sums.operations and right.sums.operations
    ]


COUNTS = st.none() | st.integers(0, 10**6)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_a_bar_is_as_high_as_what_was_requested(
    requested: int | None,
    delivered: int | None,
    not_delivered: int | None,
    in_flight: int | None,
    unconfirmed: int | None,
) -> None:
    """Its parts add up, even if counters contradict each other, and none is below 0."""
    day = Sums(
        operations=1,
        requested=requested,
        delivered_low=delivered,
        not_delivered=not_delivered,
        in_flight_low=in_flight,
        unconfirmed_low=unconfirmed,
    )
    parts = parts_of(day)

    assert sum(parts.values()) == (requested or 0)
    assert min(parts.values()) >= 0


def test_without_receipts_nothing_is_delivered() -> None:
    """The share accepted is drawn instead, and no later outcome."""
    pushes = Sums(operations=1, requested=100, accepted=80, failed=10, not_delivered=10)

    assert shares_of(pushes) == {"delivered": Share(80 / 90, 80 / 90)}
    assert finding([point(1, sums=pushes)], "push_notifications").startswith("Accepted: ")


def test_the_text_of_a_chart_has_the_worst_and_the_latest_day() -> None:
    """Only days count that are covered and cannot change any more."""
    days = [(92, 2, False), (88, 9, False), (91, 4, False), (50, 3, True)]
    points = [
        point(3 - number, sums=sums(delivered=delivered, failed=failed), moves=moves)
        for number, (delivered, failed, moves) in enumerate(days)
    ]
    text = finding(points, "messages")

    assert text.startswith("Delivered: lowest 88.0% on 29 November, latest 91.0% on 30 November.")
    assert "Not delivered: highest 9.0% on 29 November, latest 4.0% on 30 November." in text
    assert notes(points) == ["may still change: 1 December"]


def test_partly_covered_days_are_striped() -> None:
    """Their bars are striped, and no others; a day that was not read at all has no bar."""
    half = replace(point(2, sums=sums()), covered_share=0.5)
    none = replace(point(1), covered_share=0.0)
    stripes = stripes_of([point(3, sums=sums()), half, none], top=100)

    assert len(stripes) > 5
    assert {stripe["from"] for stripe in stripes} == {stripes[0]["from"]}
    assert (half.partly, half.unread) == (True, False)
    assert (none.partly, none.unread) == (False, True)
    assert notes([half, none]) == ["partly covered: 29 November", "not read: 30 November"]


def test_small_channels_have_their_own_scale() -> None:
    """If their bars would be too small to see on the scale of the largest channel."""
    assert own_scale([point(1, sums=sums())], top=100_000)
    assert not own_scale([point(1, sums=sums())], top=100)


def test_a_settle_curve_never_exceeds_1() -> None:
    """And it is not drawn if only one age is known."""
    curve = [
        SettlePoint(
            account="acme",
            age_hours=age,
            operations=9,
            outcomes=share,
            delivered=None,
            engaged=None,
        )
        for age, share in ((1.0, 0.5), (24.0, 1.2))
    ]
    assert settle_lines("push_notifications", curve) == {
        "accepted or failed": [(1.0, 0.5), (24.0, 1.0)]
    }
    assert settling("push_notifications", curve[:1]) is None


def test_one_large_mailing_does_not_dominate_the_heat_map() -> None:
    """The colour scale ends at the value that one cell in twenty exceeds."""
    volumes = [
        HourVolume(day=FIRST, hour=hour, operations=1, requested=10**6 if hour == 9 else 100)
        for hour in range(24)
    ]

    assert top_of(heat_of(volumes)) == 100
    assert top_of(heat_of(volumes[9:10])) == 10**6
