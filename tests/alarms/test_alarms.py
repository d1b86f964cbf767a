"""The problems found over weeks: none on ordinary days, and each trouble within a day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import pytest

from comms_source.report.data.sums import Sums
from comms_source.report.findings.periods import change_of, week_of
from comms_source.sandbox import Trouble
from tests.alarms.weeks import DAY, HOUR, START, TROUBLE, Look, weeks
from tests.support import FILE

pytestmark = pytest.mark.slow

EXPECTED_KIND: Final = {
    "no_receipts": "no_receipts",
    "delivery_down": "rate_down",
    "unaddressable_up": "unaddressable_up",
}
"""The kind of the finding, by trouble."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt-data"))


def findings(looks: Iterator[Look]) -> list[tuple[str, str, str]]:
    """The time, kind and text of each finding."""
    return [
        (f"{look.at:%d %b %H:%M}", concern.kind, concern.text)
        for look in looks
        for concern in look.concerns
    ]


def test_ordinary_days_have_no_findings() -> None:
    """Over thirty days with two loads a day."""
    assert findings(weeks(days=30, seed=2)) == []


@pytest.mark.parametrize(
    ("kind", "part"), [("no_receipts", 1 / 3), ("delivery_down", 0.1), ("unaddressable_up", 2.0)]
)
def test_a_trouble_is_found_and_ends(kind: str, part: float) -> None:
    """It is found within a day after it began, and no longer reported two days after its end."""
    trouble = Trouble(kind=kind, start=TROUBLE, end=TROUBLE + 2 * DAY, part=part)
    looks = list(weeks(days=18.5, troubles=[trouble], looking_from=TROUBLE - 3 * DAY))
    found = [look for look in looks if EXPECTED_KIND[kind] in look.kinds()]
    assert found, "never found"
    assert TROUBLE < found[0].at <= TROUBLE + DAY
    assert found[-1].at <= TROUBLE + 4 * DAY
    assert not any(look.concerns for look in looks if look.at <= TROUBLE)


def test_lost_days_are_reported_for_a_while() -> None:
    """After eight days without a load, the gap is found at once, and reported for `alert_days`."""
    silent = (START + 3 * DAY, START + 11 * DAY)
    looks = list(weeks(days=20, every=6 * HOUR, silent=silent, looking_from=silent[1]))
    looks_with_gap = [look for look in looks if "gap" in look.kinds()]
    assert looks_with_gap[0].at == silent[1]
    assert looks_with_gap[-1].at < silent[1] + 7 * DAY + 6 * HOUR
    assert not looks[-1].kinds() & {"gap", "frozen"}


def test_missing_receipts_are_unconfirmed() -> None:
    """If half of the receipts are missing, half has no outcome, although known ones are good."""
    trouble = Trouble(kind="no_receipts", start=START - 9 * DAY, end=START + 9 * DAY, part=0.5)
    *_, last = weeks(days=8, troubles=[trouble], looking_from=START + 7 * DAY)
    facts = next(each for each in last.facts.channels if each.channel == "messages")
    week = week_of(facts, last.facts.context).sums
    assert week.delivery is not None
    assert week.without_outcome is not None
    assert week.delivery_of_known is not None
    assert 0.3 < week.delivery.high < 0.65
    assert 0.3 < week.without_outcome.low < 0.65
    assert week.delivery_of_known.high > 0.85
    older = [day for name, day in facts.days.items() if last.facts.context.today - name > 3 * DAY]
    unconfirmed = sum((day.sums for day in older), Sums()).unconfirmed_share
    assert unconfirmed is not None
    assert unconfirmed.low > 0.3


def test_the_second_day_after_installation_has_no_changes() -> None:
    """There is no growth, because the week before was never read, as `covered_share` shows."""
    *_, last = weeks(days=2, looking_from=START + DAY)
    for facts in last.facts.channels:
        assert change_of(facts.trends, "requested") is None
        assert change_of(facts.trends, "delivery_rate") is None
        week = [trend for trend in facts.trends if trend.period == "week"]
        assert all((trend.previous_covered_share or 0) < 0.3 for trend in week)


def test_a_pause_shorter_than_retention_freezes_figures() -> None:
    """In 6 days and 18 hours nothing is lost, but figures freeze; they are reported, not final."""
    silent = (START + 3 * DAY, START + 3 * DAY + 156 * HOUR)
    looks = list(weeks(days=12, every=6 * HOUR, silent=silent, looking_from=START + 2 * DAY))
    assert not any("gap" in look.kinds() for look in looks)
    after = [look for look in looks if look.at >= silent[1]]
    assert any("frozen" in look.kinds() for look in after)
    with duckdb.connect(FILE, read_only=True) as connection:
        ((early, called_final),) = connection.execute(
            "select count(*), count(*) filter (finality = 'final') from comms.operations"
            " where last_seen_age < 48 and finality_order >= 4"
        ).fetchall()
    assert early > 0
    assert called_final < early
