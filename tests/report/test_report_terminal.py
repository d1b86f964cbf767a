"""The report in terminals of every width."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from comms_source.cli.app import app
from comms_source.report.data.sums import Share, Sums
from comms_source.report.figure_table import FigureRow, change_row, figure_lines, figure_row
from comms_source.report.wording import change, percent
from comms_source.views.settings import ViewSettings
from comms_source.words import side_by_side, wrapped
from tests.report.sample_data import DAY, HOUR, NOW, Warehouse, coverage, messages, run, write

ACCOUNT = "northern-region-marketing-and-transactional-sends-production"
ZONE = "America/Argentina/ComodRivadavia"
WIDTHS = (40, 60, 80, 120, 200)

COUNTS = st.integers(0, 10**12)
SUMS = st.builds(
    Sums,
    operations=st.integers(0, 10**12),
    requested=st.none() | COUNTS,
    delivered_low=COUNTS,
    delivered_high=COUNTS,
    not_delivered=COUNTS,
    engaged=st.none() | COUNTS,
    attempted=st.none() | COUNTS,
    accepted=st.none() | COUNTS,
    failed=COUNTS,
)
SHARES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda ends: Share(*sorted(ends)))
POINTS = st.builds(change, SHARES, SHARES).map(lambda text: (text or "").replace(" points", " pt"))
ROWS = st.lists(
    st.builds(figure_row, st.sampled_from(["  today *", "  yesterday *~!", "  7 days"]), SUMS)
    | st.builds(
        change_row,
        st.just("  change"),
        st.lists(POINTS, min_size=5, max_size=5),
        success=st.sampled_from(["delivered", "accepted"]),
    )
    | st.just(FigureRow(label="push_notifications")),
    max_size=9,
)


@given(ROWS, st.integers(40, 200))
def test_no_figure_is_cut_or_broken_at_any_width(rows: list[FigureRow], width: int) -> None:
    """And no line is longer than the terminal is wide."""
    lines = [line.plain for line in figure_lines(rows, width=width)]

    assert max(map(len, lines), default=0) <= width
    shown = Counter(item for line in lines for item in re.split(r" {2,}", line.strip()))
    for row in rows:
        named = [f"{name} {figure}" for name, figure in row.named.items() if figure]
        expected = [cell for cell in row.cells if cell]
        items = expected if all(shown[cell] for cell in expected) else named
        assert all(shown[item] for item in items)


def test_only_changes_leave_the_table_where_only_they_are_too_long() -> None:
    """The other figures stay below their headings."""
    sums = Sums(operations=9, requested=10**12, delivered_low=9, delivered_high=9, attempted=9)
    today = figure_row("  today", replace(sums, not_delivered=0, engaged=3))
    longest = change_row("  change", ["+1,000%", *["+10.1 to +20.2 pt"] * 4], success="delivered")

    def shown(width: int) -> list[str]:
        return [line.plain for line in figure_lines([today, longest], width=width)]

    assert [len(line.split("  ")) > 5 for line in shown(120)] == [True, True, True]
    assert shown(80)[:2] == [
        "         requested  delivered  not deliv.  no outcome  read/opened",
        "  today         1T     100.0%        0.0%        0.0%        33.3%",
    ]
    assert shown(80)[2:] == [
        "  change  requested +1,000%  delivered +10.1 to +20.2 pt",
        "    not deliv. +10.1 to +20.2 pt  no outcome +10.1 to +20.2 pt",
        "    read/opened +10.1 to +20.2 pt",
    ]
    assert shown(40)[:3] == [
        "  today  requested 1T  delivered 100.0%",
        "    not deliv. 0.0%  no outcome 0.0%",
        "    read/opened 33.3%",
    ]


def test_a_push_has_two_figures_in_a_table_and_beside_their_names() -> None:
    """What the push service accepted, and what it did not."""
    sums = Sums(operations=3, requested=1000, accepted=970, failed=30)
    (wide,) = [line.plain for line in figure_lines([figure_row("push", sums)], width=90)][1:]
    (narrow,) = (line.plain for line in figure_lines([figure_row("push", sums)], width=60))

    assert wide.split() == ["push", "1,000", "97.0%", "acc.", "3.0%"]
    assert narrow == "push  requested 1,000  accepted 97.0%  not accepted 3.0%"


def test_the_figures_of_a_load_and_of_a_report_have_one_formatter() -> None:
    """Nearly all is not all."""
    sums = Sums(operations=1, requested=100_000, delivered_low=99_999, delivered_high=99_999)
    nearly = replace(sums, attempted=100_000, not_delivered=1)

    assert figure_row("messages", nearly).cells[1] == percent(nearly.delivery) == ">99.9%"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the largest volumes, a long account and a long time zone."""
    path = tmp_path_factory.mktemp("large") / "warehouse.duckdb"
    sent = [
        messages(
            f"comms_operation_{number:026}",
            created_at=NOW - number * DAY / 3 - 3 * HOUR,
            delivered=10**11 + number,
            read=10**10,
            undelivered=10**9,
            queued=10**6 if number < 3 else 0,
            status="PROCESSING" if number < 3 else "COMPLETED",
            account=ACCOUNT,
            settled=number > 6,
        )
        for number in range(60)
    ]
    read = coverage(first=NOW - 9 * DAY, last=NOW - HOUR, account=ACCOUNT)
    records = {"coverage": read, "runs": [run(outcome="failed", account=ACCOUNT)]}
    settings = ViewSettings(time_zone=ZONE)
    write(Warehouse(operations=sent, records=records, settings=settings), path=str(path))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_is_never_wider_than_the_terminal(
    width: int, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a path or an id may be, which stays whole; the figures are the same at every width."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(large))
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__TIME_ZONE", ZONE)
    monkeypatch.setattr("comms_source.timespans.utc_now", lambda: NOW)

    def report(columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        return CliRunner().invoke(app, ["report"], catch_exceptions=False).stdout

    def figures(text: str) -> Counter[str]:
        return Counter(re.findall(r"[<>]?\d+\.\d%|\d[\d.]*T\b", text))

    shown, wide = report(width), report(200)
    too_long = [line for line in shown.splitlines() if len(line) > width and " " in line.strip()]
    assert too_long == []
    assert "…" not in shown
    assert ACCOUNT in shown
    assert ZONE in shown
    assert figures(shown) == figures(wide) != Counter()


def test_a_line_is_broken_at_blanks_and_not_after_a_number() -> None:
    """Its other lines are indented more than it; a word that is too long stays whole."""
    assert wrapped("  - about 12 rows of 169 windows", width=16) == [
        "  - about",
        "    12 rows of",
        "    169 windows",
    ]
    assert wrapped("", width=9) == [""]
    assert wrapped("in /a/very/long/path.duckdb", width=9) == ["in", "  /a/very/long/path.duckdb"]


def test_items_are_side_by_side_as_far_as_there_is_room() -> None:
    """An item is broken only if it is longer than a line."""
    assert side_by_side(["  a b", "c d"], width=10) == ["  a b  c d"]
    assert side_by_side(["  a b", "c d"], width=9) == ["  a b", "    c d"]
    assert side_by_side(["a", "b c d e f"], width=8) == ["a  b c d", "  e f"]
