"""After a load, every table equals the API's data, for any undocumented behaviour of the API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from comms_source.channels import CHANNELS
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.timespans import parse_instant
from comms_source.views.files import read_views
from tests.support import FILE, NOW, load, read, session_for, stored, true

VOLUME = 300


def combinations() -> Iterator[dict[str, Any]]:
    """All variants of bounds, order, tokens, pages and times that the documentation allows."""
    for start, end, order, tokens, ragged, timestamps in itertools.product(
        ("inclusive", "exclusive"),
        ("inclusive", "exclusive"),
        ("ascending", "descending"),
        ("strict", "loose"),
        (False, True),
        ("seconds", "milliseconds"),
    ):
        yield {
            "start_bound": start,
            "end_bound": end,
            "order": order,
            "tokens": tokens,
            "short_pages": ragged,
            "empty_pages": ragged,
            "timestamps": timestamps,
        }


def pairs() -> list[dict[str, Any]]:
    """Eight of them, in which each two choices occur in every combination."""
    first = next(combinations())

    def evenly(reading: dict[str, Any], *names: str) -> bool:
        return sum(bool(reading[name] != first[name]) for name in names) % 2 == 0

    return [
        reading
        for reading in combinations()
        if evenly(reading, "tokens", "start_bound", "end_bound")
        and evenly(reading, "short_pages", "start_bound", "order")
        and evenly(reading, "timestamps", "end_bound", "order")
    ]


def named(reading: dict[str, Any]) -> str:
    """The name of a combination."""
    return "-".join(map(str, reading.values()))


@pytest.mark.parametrize("reading", list(combinations()), ids=named)
def test_what_is_read_equals_the_truth_row_for_row(reading: dict[str, Any]) -> None:
    """900 operations of three channels, under each combination of undocumented behaviour."""
    with Sandbox(SandboxSettings(operations_per_week=VOLUME, **reading), Clock(NOW)) as sandbox:
        session = session_for(sandbox, page_size=30)
        for channel in CHANNELS:
            expected = true(sandbox, channel)
            assert len(expected) > VOLUME - 10
            assert read(session, channel) == expected


@pytest.mark.slow
@pytest.mark.parametrize("reading", pairs(), ids=named)
def test_every_table_equals_the_truth_row_for_row(reading: dict[str, Any]) -> None:
    """Also in the warehouse, which does not depend on these choices."""
    with Sandbox(SandboxSettings(operations_per_week=VOLUME, **reading), Clock(NOW)) as sandbox:
        summary = load(sandbox, page_size=30)

        assert summary.exit_code == 0
        for channel in CHANNELS:
            assert stored(channel) == true(sandbox, channel)


@pytest.mark.slow
def test_loading_twice_changes_nothing(sandbox: Sandbox) -> None:
    """If the clock stands still, the second run changes no row."""
    load(sandbox)
    before = {channel: stored(channel) for channel in CHANNELS}

    summary = load(sandbox)

    assert summary.exit_code == 0
    assert before == {channel: stored(channel) for channel in CHANNELS}


@pytest.mark.slow
def test_a_later_load_updates_counters_and_keeps_expired_rows(
    sandbox: Sandbox,
) -> None:
    """Rows within retention equal the truth; older ones keep their last values."""
    load(sandbox)
    before = {channel: stored(channel) for channel in CHANNELS}
    sandbox.clock.advance(timedelta(days=3))

    load(sandbox)

    for channel in CHANNELS:
        now, truth = stored(channel), true(sandbox, channel)
        kept = {id_: row for id_, row in now.items() if id_ not in truth}
        assert {id_: row for id_, row in now.items() if id_ in truth} == truth
        assert kept
        assert kept == {id_: before[channel][id_] for id_ in kept}


@pytest.mark.slow
def test_operations_that_are_listed_late_are_loaded_later() -> None:
    """The next load reads an operation that lists did not show before."""
    lag = timedelta(hours=2)
    with Sandbox(
        SandboxSettings(operations_per_week=5000, visibility_lag=lag), Clock(NOW)
    ) as sandbox:
        load(sandbox)
        seen = stored("emails")
        sandbox.clock.advance(lag)
        load(sandbox)

        late = [
            row for row in sandbox.truth("emails") if parse_instant(row["createdAt"]) < NOW - lag
        ]
        assert {row["id"] for row in late} <= stored("emails").keys()
        assert len(seen) < len(stored("emails"))


@pytest.mark.slow
@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_the_page_size_does_not_matter(page_size: int) -> None:
    """From one operation per page to the maximum of the API."""
    settings = SandboxSettings(operations_per_week=60, order="ascending")
    with Sandbox(settings, Clock(NOW)) as sandbox:
        load(sandbox, page_size=page_size, commit_pages=10_000)
        assert stored("messages") == true(sandbox, "messages")


@pytest.mark.slow
@pytest.mark.usefixtures("views")
def test_an_account_that_sent_nothing_has_all_tables_and_views() -> None:
    """So that queries on them work."""
    with Sandbox(SandboxSettings(operations_per_week=0), Clock(NOW)) as sandbox:
        summary = load(sandbox)

    assert summary.exit_code == 0
    with duckdb.connect(FILE, read_only=True) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'comms'"
        ).fetchall()
        counts = connection.execute("select count(*) from comms.daily_delivery").fetchone()
    names = {name for (name,) in tables if not name.startswith("_dlt")}
    filled = {name for c in CHANNELS.values() for name in (c.table, c.history_table)}
    records = {record.name for record in BOOKKEEPING}
    views = {view.name for view in read_views()}
    assert names == filled | records | views
    assert counts == (0,)


@pytest.mark.slow
def test_unselected_channels_are_not_read(sandbox: Sandbox) -> None:
    """No request is sent for them, but their tables exist."""
    load(sandbox, channels=("emails",))

    assert {entry.channel for entry in sandbox.requests} == {"emails"}
    assert stored("emails") == true(sandbox, "emails")
    assert stored("messages") == {}


@pytest.mark.slow
def test_the_account_label_is_on_every_row(sandbox: Sandbox) -> None:
    """It distinguishes accounts in one warehouse."""
    load(sandbox, account="acme")

    assert {row[0] for row in stored("emails").values()} == {"acme"}


@pytest.mark.slow
def test_two_folders_do_not_share_dlts_state(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each DuckDB file has its own working folder, so the second gets everything too."""
    load(sandbox)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    load(sandbox)

    assert stored("emails") == true(sandbox, "emails")
