"""What charts are made of, before and after they are drawn."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comms_source.report.charts.delivery import Point, finding, lines_of
from comms_source.report.charts.drawing import Drawing, svg
from comms_source.report.charts.hours import top_of
from comms_source.report.facts import HourVolume
from comms_source.report.heat import heat_of
from comms_source.report.sums import Share
from tests.report.parsed import parse

FIRST = date(2026, 11, 1)


class Chart:
    """Stands for one of Altair's; what is drawn is given."""

    def to_dict(self) -> dict[str, Any]:
        """Nothing to draw."""
        return {}


def drawn(content: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What becomes of an SVG of vl-convert's."""
    import vl_convert  # noqa: PLC0415 - it is slow to import

    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{content}</svg>'
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda _: text)
    return svg(Drawing(Chart(), about='a "b" & <c>', finding="It shows."))


def test_a_drawing_keeps_its_shapes_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths, lines and text, in colours of the page's style."""
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
def test_a_drawing_loses_whatever_is_no_drawing(
    monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """No script, no style, no reference, no name."""
    kept = drawn(content, monkeypatch)

    assert not re.search(r"script|style|foreign|image|href|http|url|class|id=|onclick", kept)


POINTS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=31)


@given(POINTS)
def test_lines_join_neighbours_that_are_known(days: list[tuple[bool, bool]]) -> None:
    """Each pair of neighbours once, dashed if one of the two may still move."""
    points = [
        Point(
            day=FIRST + timedelta(days=number),
            share=Share(0.5, 0.5) if known else None,
            volume=1,
            moves=moves,
        )
        for number, (known, moves) in enumerate(days)
    ]
    pairs = [
        (moves, left.day, right.day)
        for moves, line in lines_of(points)
        for left, right in pairwise(line)
    ]
    assert pairs == [
        (left.moves or right.moves, left.day, right.day)
        for left, right in pairwise(points)
        if left.share and right.share
    ]


def test_the_text_of_a_chart_says_what_it_finds() -> None:
    """The lowest day, the latest that is settled, and what may still move."""
    shares = [(0.92, False), (0.881, False), (0.919, False), (0.5, True)]
    points = [
        Point(day=FIRST + timedelta(days=number), share=Share(low, low), volume=1, moves=moves)
        for number, (low, moves) in enumerate(shares)
    ]

    assert finding(points) == (
        "Lowest 88.1% on 2 November, latest 91.9% on 3 November. 4 November may still move."
    )


def test_one_large_mailing_does_not_leave_all_other_hours_pale() -> None:
    """The scale of the heat map ends where one cell in twenty lies above it."""
    volumes = [
        HourVolume(day=FIRST, hour=hour, operations=1, resources=10**6 if hour == 9 else 100)
        for hour in range(24)
    ]

    assert top_of(heat_of(volumes)) == 100
    assert top_of(heat_of(volumes[9:10])) == 10**6
