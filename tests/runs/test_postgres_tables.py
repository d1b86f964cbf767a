"""A new counter on PostgreSQL while others read: readers continue, and the load waits."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest

from comms_source.errors import PipelineBusy
from comms_source.sandbox import Fault, Sandbox
from tests.postgres import Postgres
from tests.runs.on_postgres import MAX_WAIT, load_there, reader, rows

pytestmark = pytest.mark.slow

COLUMNS = """
    select count(*) from information_schema.columns where column_name = 'link_clicks'
    and table_schema = 'comms' and table_name in ('email_operations', 'email_operation_history')
"""


def add_counter(sandbox: Sandbox) -> None:
    """From now on emails have a new counter, and there are new operations."""
    sandbox.faults.replace([Fault(kind="new_counter", channel="emails", name="linkClicks")])
    sandbox.clock.set(sandbox.clock.now() + timedelta(hours=3))


def columns_there(cursor: Any) -> bool:
    """Whether the new counter has its columns, in the table and in its history."""
    return rows(cursor, COLUMNS) == [(2,)]


def seconds_to_read(postgres: Postgres) -> float:
    """How long a new reader has to wait."""
    began = time.monotonic()
    with reader(postgres):
        return time.monotonic() - began


def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait for a log line."""
    until = time.monotonic() + MAX_WAIT
    while text not in caplog.text:
        assert time.monotonic() < until


def test_a_load_that_needs_a_new_column_does_not_block_readers(
    sandbox: Sandbox, cursor: Any, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """A long query delays the load, but delays later readers by a second at most."""
    load_there(sandbox)
    add_counter(sandbox)
    caplog.set_level(logging.INFO, "comms_source")
    codes: list[int] = []
    loading = threading.Thread(target=lambda: codes.append(load_there(sandbox).exit_code))
    with reader(postgres):
        loading.start()
        until_logged(caplog, "needs a new column, but is in use: a long report (PID ")
        waits = [seconds_to_read(postgres) for _ in range(20)]
        assert loading.is_alive()
        assert not columns_there(cursor)
    loading.join(MAX_WAIT)

    assert max(waits) < 1
    assert codes == [0]
    assert columns_there(cursor)
    ((counted,),) = rows(cursor, "select count(link_clicks) from comms.email_operations")
    assert counted > 0
    assert len([line for line in caplog.messages if "needs a new column" in line]) == 1


def test_a_reader_that_blocks_a_new_column_is_named(
    sandbox: Sandbox, cursor: Any, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `max_load_wait` the run fails; the next one loads what it had read."""
    load_there(sandbox)
    add_counter(sandbox)
    with monkeypatch.context() as short, reader(postgres):
        short.setenv("SOURCES__COMMS_SOURCE__MAX_LOAD_WAIT", "1 second")
        began = time.monotonic()
        said = r"a long report \(PID \d+ of PostgreSQL.*max_load_wait \(1 second\).*[Ll]oad again"
        with pytest.raises(PipelineBusy, match=said):
            load_there(sandbox)
        assert time.monotonic() - began < MAX_WAIT / 2
    assert not columns_there(cursor)

    sandbox.faults.replace([])
    assert load_there(sandbox).exit_code == 0
    assert columns_there(cursor)
    ((counted,),) = rows(cursor, "select count(link_clicks) from comms.email_operations")
    assert counted > 0


def test_a_run_without_new_columns_waits_for_no_reader(
    sandbox: Sandbox, cursor: Any, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no lock on a table that does not change."""
    load_there(sandbox)
    sandbox.clock.set(sandbox.clock.now() + timedelta(hours=3))
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOAD_WAIT", "0.1 seconds")
    with reader(postgres):
        assert load_there(sandbox).exit_code == 0
    assert rows(cursor, "select count(*) from comms.runs") == [(2,)]
