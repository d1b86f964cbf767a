"""The destination determines what is read, not the local state of the machine."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.common.pipeline import get_dlt_pipelines_dir

from comms_source.channels import CHANNELS
from comms_source.commands.channel_status import ChannelStatus
from comms_source.commands.load import run_load
from comms_source.commands.plan import plan_load
from comms_source.commands.status import read_status
from comms_source.config.credentials import BasicCredentials
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.errors import LoadFailed
from comms_source.extract.session import Session
from comms_source.sandbox import Clock, Sandbox, SandboxSettings
from tests.postgres import Postgres
from tests.support import FILE, NOW, load, session_for, settings_for, stored, true

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
COPY = "copy.duckdb"


def rows(query: str) -> list[tuple[Any, ...]]:
    """The result of a query on the warehouse."""
    with duckdb.connect(FILE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def change(*statements: str) -> None:
    """Change the warehouse directly."""
    with duckdb.connect(FILE) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in statements:
            connection.execute(statement)


def is_true(sandbox: Sandbox) -> bool:
    """Whether the warehouse has everything that the API lists, with the same values."""
    return all(true(sandbox, name).items() <= stored(name).items() for name in CHANNELS)


def status_of(sandbox: Sandbox) -> dict[str, ChannelStatus]:
    """The status, by channel."""
    status = read_status(
        settings=settings_for(sandbox), pipeline=open_pipeline(), now=sandbox.clock.now()
    )
    return {channel.channel: channel for channel in status.channels}


def test_a_restored_backup_is_brought_up_to_date_at_once(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """It lacks three days that the local state covers; the API still has them."""
    load(sandbox)
    shutil.copy(FILE, COPY)
    sandbox.clock.advance(3 * DAY)
    load(sandbox)
    shutil.move(COPY, FILE)
    assert not is_true(sandbox)

    with caplog.at_level(logging.WARNING):
        summary = load(sandbox, refresh="adaptive")

    assert "does not hold the last load of this machine" in caplog.text
    assert (summary.exit_code, rows("select * from comms.gaps")) == (0, [])
    assert all(true(sandbox, name).keys() <= stored(name).keys() for name in CHANNELS)
    caplog.clear()
    assert load(sandbox).exit_code == 0
    assert caplog.text == ""


def test_what_neither_a_restored_backup_nor_the_api_has_is_a_gap(sandbox: Sandbox) -> None:
    """Twelve days after the backup, the first five are recorded as lost."""
    load(sandbox)
    shutil.copy(FILE, COPY)
    for _ in range(3):
        sandbox.clock.advance(4 * DAY)
        load(sandbox)
    shutil.move(COPY, FILE)

    summary = load(sandbox)

    start, end = NOW.replace(hour=11, second=0), NOW.replace(hour=13, second=0) + 5 * DAY
    assert summary.exit_code == 3
    found = rows("select distinct gap_start, gap_end, reason from comms.gaps")
    assert found == [(start, end, "never read")]
    assert load(sandbox).exit_code == 0


def test_a_restored_database_is_brought_up_to_date(
    sandbox: Sandbox, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In PostgreSQL as in a file."""

    def load_there() -> int:
        pipeline = open_pipeline(destination="postgres")
        return run_load(session=session_for(sandbox), pipeline=pipeline).exit_code

    url = postgres.make_database("restored")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)
    load_there()
    with postgres.connect() as cursor:
        cursor.execute('drop database if exists "restored_copy"')
        cursor.execute('create database "restored_copy" template "restored"')
    for _ in range(2):
        sandbox.clock.advance(DAY)
        load_there()
    with postgres.connect() as cursor:
        cursor.execute('drop database "restored" with (force)')
        cursor.execute('alter database "restored_copy" rename to "restored"')

    assert load_there() == 0
    with postgres.connect("restored") as cursor:
        cursor.execute("select id from comms.email_operations")
        there = {name for (name,) in cursor.fetchall()}
    assert true(sandbox, "emails").keys() <= there


def test_an_outdated_working_folder_does_not_revert_rows(sandbox: Sandbox) -> None:
    """Its pending load package is dropped: its rows are older than those in the database."""
    load(sandbox)
    sandbox.clock.advance(timedelta(hours=5))
    pipeline = open_pipeline()
    resources = operation_resources(session_for(sandbox))
    pipeline.extract(dlt.source(lambda: resources, name="comms_source", section="comms_source")())
    folder = Path(get_dlt_pipelines_dir())
    shutil.copytree(folder, "older")
    sandbox.clock.advance(2 * DAY)
    load(sandbox, refresh="full")
    after = {name: stored(name) for name in CHANNELS}
    shutil.rmtree(folder)
    shutil.move("older", folder)

    assert load(sandbox).exit_code == 0
    assert {name: stored(name) for name in CHANNELS} == after
    assert is_true(sandbox)


def account(seed: int, user: str) -> Sandbox:
    """A Twilio account with its own operations."""
    settings = SandboxSettings(seed=seed, operations_per_week=120, credentials={user: "secret"})
    return Sandbox(settings, Clock(NOW))


def load_as(user: str, sandbox: Sandbox) -> int:
    """One run with the credentials of `user`."""
    chosen = replace(settings_for(sandbox), credentials=BasicCredentials(user, "secret"))
    session = Session(settings=chosen, clock=sandbox.clock.now)
    return run_load(session=session, pipeline=open_pipeline()).exit_code


def test_a_database_of_another_account_covers_nothing_of_this_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Production copied over test, both with the default label."""
    with account(1, "ACone") as one, account(2, "ACtwo") as two:
        load_as("ACtwo", two)
        Path(FILE).unlink()
        shutil.rmtree(get_dlt_pipelines_dir())
        load_as("ACone", one)
        with caplog.at_level(logging.WARNING):
            assert load_as("ACtwo", two) == 0
        missing = true(two, "emails").keys() - stored("emails").keys()
        again = len(two.requests)
        load_as("ACtwo", two)

    assert missing == set()
    assert "of another Twilio account" in caplog.text
    assert len(two.requests) - again == 3


def test_another_key_of_the_same_account_reads_nothing_again() -> None:
    """It takes one request per channel, for an operation that the API knows."""
    settings = SandboxSettings(
        operations_per_week=3000, credentials={"ACone": "secret", "SKkey": "secret"}
    )
    with Sandbox(settings, Clock(NOW)) as sandbox:
        load_as("ACone", sandbox)
        count = len(sandbox.requests)
        assert load_as("SKkey", sandbox) == 0
        asked = [entry.endpoint for entry in list(sandbox.requests)[count:]]

    assert sorted(asked) == ["fetch"] * 3 + ["list"] * 3


BOOKKEEPING = ("runs", "coverage", "gaps", "followed_operations", "rejected_operations")


@pytest.mark.parametrize(
    "tables",
    [
        ("message_operations", "email_operation_history"),
        BOOKKEEPING,
        ("_dlt_loads",),
        ("_dlt_pipeline_state", "_dlt_loads", "_dlt_version"),
    ],
)
def test_dropped_tables_are_created_again(sandbox: Sandbox, tables: Sequence[str]) -> None:
    """And what the API still has is loaded into them."""
    load(sandbox)
    change(*(f"drop table comms.{table}" for table in tables))
    before = status_of(sandbox)

    assert before.keys() == CHANNELS.keys()
    assert load(sandbox).exit_code == 0
    sandbox.clock.advance(timedelta(hours=1))
    assert load(sandbox).exit_code == 0
    assert all(true(sandbox, name).keys() <= stored(name).keys() for name in CHANNELS)
    there = rows("select table_name from information_schema.tables where table_schema = 'comms'")
    assert set(tables) <= {name for (name,) in there}
    coverage = rows("select count(*), bool_or(is_complete) from comms.coverage")
    assert coverage[0][0] >= 3 * 169
    assert coverage[0][1]


def test_without_a_state_the_coverage_table_is_used(sandbox: Sandbox) -> None:
    """What expired since the last load is a gap, as if the state existed."""
    load(sandbox)
    change("drop table comms._dlt_pipeline_state")
    sandbox.clock.advance(11 * DAY)

    assert load(sandbox).exit_code == 3
    start, end = NOW.replace(hour=11, second=0), NOW.replace(hour=13, second=0) + 4 * DAY
    assert rows("select distinct gap_start, gap_end from comms.gaps") == [(start, end)]
    assert load(sandbox).exit_code == 0


def lose_machine_and_last_load() -> None:
    """As if the last load had died when `coverage` was loaded, and its machine was lost."""
    change(
        "delete from comms._dlt_loads where load_id = (select max(load_id) from comms._dlt_loads)"
    )
    shutil.rmtree(get_dlt_pipelines_dir())


CLAIMED = """
select count(*) from comms.coverage where channel = 'emails' and is_complete and rows_read > (
    select count(*) from comms.email_operations where created_at >= window_start
    and created_at < window_end
)
"""
"""How many windows are said to be complete, with more rows than there are."""


def test_a_first_load_that_died_on_a_lost_machine_claims_nothing(sandbox: Sandbox) -> None:
    """The next load reads what is still to be had; of the rest `coverage` says that it is not."""
    load(sandbox)
    change("delete from comms.email_operations")
    lose_machine_and_last_load()
    assert rows(CLAIMED)[0][0] > 100
    sandbox.clock.advance(DAY)

    assert load(sandbox).exit_code == 0
    assert is_true(sandbox)
    assert rows(CLAIMED) == [(0,)]
    assert rows("select count(*) from comms.gaps") == [(0,)]


def test_a_load_that_died_on_a_lost_machine_leaves_the_claims_before_it(sandbox: Sandbox) -> None:
    """The windows that it read again are complete as of the load before."""
    load(sandbox)
    oldest = (
        "select window_start, read_at from comms.coverage where is_complete order by 1, 2 limit 3"
    )
    before = rows(oldest)
    sandbox.clock.advance(timedelta(minutes=30))
    load(sandbox, refresh="full")
    assert rows(oldest) != before
    lose_machine_and_last_load()
    sandbox.clock.advance(2 * DAY)

    load(sandbox)

    assert rows(oldest) == before


def test_a_dropped_column_and_staging_table_are_created_again(sandbox: Sandbox) -> None:
    """Dlt itself assumes that both exist, since it knows the version of the schema."""
    load(sandbox)
    change(
        "alter table comms.runs drop column error",
        "drop table comms_staging.coverage",
        "drop table comms_staging.email_operations",
    )

    sandbox.clock.advance(timedelta(hours=1))
    assert load(sandbox, refresh="full").exit_code == 0
    assert rows("select error from comms.runs") == [(None,), (None,)]


def test_a_column_that_cannot_be_added_is_named(sandbox: Sandbox) -> None:
    """DuckDB cannot add a NOT NULL column; after the table is dropped, the load succeeds."""
    load(sandbox)
    change("alter table comms.runs drop column version")

    with pytest.raises(LoadFailed, match=r"runs cannot be repaired.*drop the table"):
        load(sandbox)
    change("drop table comms.runs")
    assert load(sandbox).exit_code == 0


def test_deleted_rows_are_detected_and_read_again(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of a table: status and plan show it before the load, and the load reports it."""
    load(sandbox)
    change("delete from comms.message_operations where hash(id) % 2 = 0")
    before, plans = (
        status_of(sandbox)["messages"],
        plan_load(settings=settings_for(sandbox), pipeline=open_pipeline(), now=NOW),
    )
    with caplog.at_level(logging.WARNING):
        summary = load(sandbox)

    assert before.short > 50
    assert before.fresh < 120
    assert {plan.channel for plan in plans if plan.scans[0].span.start < NOW - 3 * DAY} == {
        "messages"
    }
    assert "messages: the table lacks rows of" in caplog.text
    assert any("lacked rows that had been loaded" in line for line in summary.lines())
    assert summary.exit_code == 0
    assert is_true(sandbox)
    assert status_of(sandbox)["messages"].short == 0


def test_deleted_rows_past_retention_are_a_gap(sandbox: Sandbox) -> None:
    """Reported once, and not complete in `coverage` any more; other channels are not affected."""
    load(sandbox)
    for _ in range(2):
        sandbox.clock.advance(5 * DAY)
        load(sandbox)
    change("delete from comms.email_operations")
    gone = true_before(sandbox, NOW - timedelta(hours=1))

    summary = load(sandbox)

    assert summary.exit_code == 3
    found = rows("select channel, gap_start, gap_end, reason from comms.gaps")
    assert {(channel, reason) for channel, *_, reason in found} == {("emails", "rows missing")}
    held = [(start, end) for _, start, end, _ in found]
    assert gone
    assert all(any(start <= at < end for start, end in held) for at in gone)
    claimed = rows(
        "select count(*) from comms.coverage join comms.gaps using (account, channel) "
        "where is_complete and window_start >= gap_start and window_end <= gap_end"
    )
    assert claimed == [(0,)]
    assert load(sandbox).exit_code == 0


def true_before(sandbox: Sandbox, instant: datetime) -> list[datetime]:
    """The creation times of the first week's emails that a complete run had read."""
    kept = sandbox.clock.now() - 7 * DAY
    created = [row[0] for row in _copy_of_emails(sandbox)]
    return [at for at in created if at < min(instant, kept) and at >= NOW - timedelta(days=6)]


def _copy_of_emails(sandbox: Sandbox) -> list[tuple[Any, ...]]:
    with _at(sandbox, NOW):
        return [(row[2],) for row in true(sandbox, "emails").values()]


@contextmanager
def _at(sandbox: Sandbox, instant: datetime) -> Iterator[None]:
    now = sandbox.clock.now()
    sandbox.clock.set(instant)
    try:
        yield
    finally:
        sandbox.clock.set(now)


def test_old_rows_may_be_deleted(sandbox: Sandbox) -> None:
    """Rows past retention are only checked if younger ones are missing too."""
    load(sandbox)
    sandbox.clock.advance(5 * DAY)
    load(sandbox)
    sandbox.clock.advance(5 * DAY)
    load(sandbox)
    young = sandbox.clock.now() - 2 * DAY
    change(
        f"delete from comms.email_operations where created_at < '{NOW - DAY}'",
        f"delete from comms.email_operations where created_at > '{young}'",
    )

    sandbox.clock.advance(timedelta(hours=1))
    summary = load(sandbox)
    assert (summary.exit_code, summary.stats.channels["emails"].windows_missing_rows > 0) == (
        0,
        True,
    )
    assert rows("select * from comms.gaps") == []
