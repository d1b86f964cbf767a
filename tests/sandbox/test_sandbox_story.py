"""The story of the demo: what a report on it finds, and that it is the same each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from comms_source.cli.demo_story import play
from comms_source.commands.summary import RunSummary
from comms_source.report.data.facts import Facts
from comms_source.report.data.read import read_facts
from comms_source.report.findings.problems import concerns_of
from comms_source.sandbox import Clock, SandboxModel, Story, story
from comms_source.views.create import create_views
from comms_source.views.settings import ViewSettings

NOW = datetime(2026, 11, 27, 14, 20, tzinfo=UTC)
END_OF_GAP = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSummary, Facts, Path]:
    """How its last load went, the facts of a report at its end, and the file."""
    file = tmp_path_factory.mktemp("story") / "comms_demo.duckdb"
    summary, pipeline = play(story(now=NOW), file=file, clock=Clock(NOW))
    create_views(pipeline, settings=ViewSettings(now=NOW))
    facts = read_facts(pipeline, settings=ViewSettings(now=NOW), now=NOW)
    return summary, facts, file


@pytest.mark.slow
def test_each_trouble_is_a_finding(played: tuple[RunSummary, Facts, Path]) -> None:
    """Of its own channel, and there is no other; the last load is complete."""
    summary, facts, file = played
    with duckdb.connect(str(file), read_only=True) as connection:
        runs = connection.execute("select outcome from comms.runs order by started_at").fetchall()

    assert {(each.kind, *each.channels) for each in concerns_of(facts)} == {
        ("rate_down", "messages"),
        ("no_receipts", "emails"),
        ("stuck", "messages"),
        ("gap", "push_notifications"),
    }
    assert summary.exit_code == 0
    outcomes = ["complete", "incomplete", "incomplete", *["complete"] * 6]
    assert [outcome for (outcome,) in runs] == outcomes


@pytest.mark.slow
def test_only_one_channel_has_a_gap(played: tuple[RunSummary, Facts, Path]) -> None:
    """It ends with the window that left retention; changes of the others are compared."""
    gaps = {channel.channel: channel.gaps for channel in played[1].channels}

    assert not gaps["messages"]
    assert not gaps["emails"]
    assert max(gap.end for gap in gaps["push_notifications"]) == END_OF_GAP
    for channel in played[1].channels[:2]:
        weeks = [trend for trend in channel.trends if trend.period == "week"]
        assert all(trend.previous_covered_share == 1 for trend in weeks)


def test_the_same_story_gives_the_same_data() -> None:
    """Seed and time decide it, and another seed gives other data."""
    first, again, other = (
        SandboxModel(story(now=NOW, operations=100, seed=seed).settings, Clock(NOW))
        for seed in (1, 1, 2)
    )

    assert first.truth("messages") == again.truth("messages") != other.truth("messages")


@pytest.mark.slow
def test_a_second_demo_replaces_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also what dlt kept of it, so it does not miss what it loaded before."""
    file = tmp_path / "comms_demo.duckdb"
    for now in (NOW, NOW + DAY):
        whole = story(now=now, operations=20)
        play(Story(settings=whole.settings, loads=whole.loads[-2:]), file=file, clock=Clock(now))

    with duckdb.connect(str(file), read_only=True) as connection:
        runs = connection.execute("select started_at from comms.runs order by all").fetchall()
    assert [started_at for (started_at,) in runs] == [NOW, NOW + DAY]
    assert not caplog.records


@pytest.mark.slow
def test_the_demo_leaves_the_configured_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its own."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "mine.duckdb")
    whole = story(now=NOW, operations=20)
    play(Story(settings=whole.settings, loads=whole.loads[-1:]), file=Path("own.duckdb"))

    assert [path.name for path in Path().iterdir()] == ["own.duckdb"]
