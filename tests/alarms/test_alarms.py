"""What the report finds wrong over weeks: nothing on ordinary days, each trouble in a day."""

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
"""By trouble, the kind of the finding."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / "dlt-data"))


def findings(looks: Iterator[Look]) -> list[tuple[str, str, str]]:
    """When, of which kind, and what was found."""
    return [
        (f"{look.at:%d %b %H:%M}", concern.kind, concern.text)
        for look in looks
        for concern in look.concerns
    ]


def test_ordinary_days() -> None:
    """Thirty days, four loads a day: nothing is wrong, not even once."""
    assert findings(weeks(days=30, seed=2)) == []


@pytest.mark.parametrize(
    ("kind", "part"), [("no_receipts", 1 / 3), ("delivery_down", 0.1), ("unaddressable_up", 2.0)]
)
def test_a_trouble(kind: str, part: float) -> None:
    """Found within a day after it began, and gone two days after it ended."""
    trouble = Trouble(kind=kind, start=TROUBLE, end=TROUBLE + 2 * DAY, part=part)
    looks = list(weeks(days=18.5, troubles=[trouble]))
    found = [look for look in looks if EXPECTED_KIND[kind] in look.kinds()]
    assert found, "never found"
    assert TROUBLE < found[0].at <= TROUBLE + DAY
    assert found[-1].at <= TROUBLE + 4 * DAY
    assert not any(look.concerns for look in looks if look.at <= TROUBLE)


def test_a_day_that_is_lost() -> None:
    """No load for eight days: what was lost is found at once, and history after `alert_days`."""
    silent = (START + 3 * DAY, START + 11 * DAY)
    looks = list(weeks(days=20, silent=silent))
    told = [look for look in looks if "gap" in look.kinds()]
    assert told[0].at == silent[1]
    assert told[-1].at < silent[1] + 7 * DAY + 6 * HOUR
    assert not looks[-1].kinds() & {"gap", "frozen"}


def test_half_of_the_receipts_never_come() -> None:
    """The page says that half has no outcome, and not that 98 % of what is known was delivered."""
    trouble = Trouble(kind="no_receipts", start=START - 9 * DAY, end=START + 9 * DAY, part=0.5)
    *_, last = weeks(days=8, every=12 * HOUR, troubles=[trouble])
    facts = next(each for each in last.facts.channels if each.channel == "messages")
    week = week_of(facts, last.facts.made).sums
    assert week.delivery is not None
    assert week.without_outcome is not None
    assert week.delivery_of_known is not None
    assert 0.3 < week.delivery.high < 0.65
    assert 0.3 < week.without_outcome.low < 0.65
    assert week.delivery_of_known.high > 0.85
    older = [day for name, day in facts.days.items() if last.facts.made.today - name > 3 * DAY]
    unconfirmed = sum((day.sums for day in older), Sums()).unconfirmed_share
    assert unconfirmed is not None
    assert unconfirmed.low > 0.3


def test_the_second_day_after_installation() -> None:
    """Nothing is called growth, since the week before was never read; covered_share says so."""
    *_, last = weeks(days=2)
    for facts in last.facts.channels:
        assert change_of(facts.trends, "requested") is None
        assert change_of(facts.trends, "delivery_rate") is None
        week = [trend for trend in facts.trends if trend.period == "week"]
        assert all((trend.previous_covered_share or 0) < 0.3 for trend in week)


def test_loads_that_stop_inside_the_deadline() -> None:
    """In 6 days and 18 hours nothing is lost, but figures freeze: named, and not called final."""
    silent = (START + 3 * DAY, START + 3 * DAY + 156 * HOUR)
    looks = list(weeks(days=12, silent=silent))
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
