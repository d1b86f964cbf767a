"""Only one run at a time loads on PostgreSQL, also between machines."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dlt
import pytest

from comms_source.config.waits import load_deadline
from comms_source.destinations.locks import in_turn
from comms_source.destinations.postgres_load_lock import MAX_NAME_LENGTH, name_of_this_run, turn
from comms_source.errors import PipelineBusy
from comms_source.sandbox import Sandbox
from tests.runs.on_postgres import (
    LOCKS,
    MAX_WAIT,
    load_there,
    none_locked,
    other_load,
    pipeline,
    rows,
    until_it_waits,
)

pytestmark = pytest.mark.slow

NAME = re.compile(r"comms (\d+) on \S+, since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_the_turn_is_a_lock_for_the_block(cursor: Any) -> None:
    """It belongs to one transaction, named after the process, which no timeout ends."""
    with in_turn(pipeline()):
        assert rows(cursor, LOCKS) == [(1,)]
        query = """
            select application_name, state from pg_stat_activity
            join pg_locks using (pid) where locktype = 'advisory'
        """
        ((name, state),) = rows(cursor, query)
        found = NAME.fullmatch(name)
        assert found
        assert int(found[1]) == os.getpid()
        assert state == "idle in transaction"

    assert none_locked(cursor)


def test_the_name_of_a_run_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL would truncate it, and so the start time at its end."""
    monkeypatch.setattr("platform.node", lambda: "häuslich." * 20)
    assert len(name_of_this_run().encode()) == MAX_NAME_LENGTH
    assert NAME.fullmatch(name_of_this_run())


@pytest.mark.parametrize("elsewhere", [True, False], ids=["another machine", "this machine"])
def test_a_second_load_waits(
    sandbox: Sandbox, cursor: Any, tmp_path: Path, elsewhere: bool
) -> None:
    """It logs the process that it waits for, and loads when that is done."""
    data = tmp_path / "elsewhere" if elsewhere else Path(os.environ["DLT_DATA_DIR"])
    with ExitStack() as first:
        first.enter_context(in_turn(pipeline()))
        with other_load(sandbox, data=data) as process:
            line = until_it_waits(process)
            assert re.search(rf"another run is loading: comms .*\b{os.getpid()}\b", line)
            assert process.poll() is None
            first.close()
            assert process.wait(MAX_WAIT) == 0

    assert rows(cursor, "select count(*) from comms.runs") == [(1,)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_waiting_load_can_be_interrupted(
    sandbox: Sandbox, cursor: Any, tmp_path: Path, number: signal.Signals
) -> None:
    """It ends within a second, with the exit code of the signal, and leaves no lock."""
    with (
        in_turn(pipeline()),
        other_load(sandbox, data=tmp_path / "elsewhere") as process,
    ):
        until_it_waits(process)
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(MAX_WAIT) == 128 + number
        assert time.monotonic() - began < 1

    assert none_locked(cursor)


def test_a_wait_between_machines_is_limited(
    cursor: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After `max_load_wait` the message names the other run, and says what to do."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOAD_WAIT", "1 second")
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    with turn(url, dataset="comms", deadline=load_deadline()):
        said = rf"comms {os.getpid()} on .* \(PID \d+ of PostgreSQL, user tests, from 127.0.0.1, "
        with (
            caplog.at_level(logging.INFO, "comms_source"),
            pytest.raises(
                PipelineBusy, match=said + r"since.*max_load_wait \(1 second.*load again"
            ),
            in_turn(pipeline()),
        ):
            pytest.fail("two runs have the turn")
    assert len([line for line in caplog.messages if line.startswith("waiting: ")]) == 1
    assert none_locked(cursor)


def test_a_limited_wait_is_not_repeated(
    sandbox: Sandbox, cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`max_load_wait` is the whole wait: `max_lock_wait` is not added, and nothing is lost."""
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOAD_WAIT", "0.2 seconds")
    url = os.environ["DESTINATION__POSTGRES__CREDENTIALS"]
    began = time.monotonic()
    with (
        turn(url, dataset="comms", deadline=load_deadline()),
        pytest.raises(PipelineBusy, match="comms"),
    ):
        load_there(sandbox)
    assert time.monotonic() - began < MAX_WAIT / 2  # max_lock_wait would be 30 seconds

    count = len(sandbox.requests)
    assert load_there(sandbox).exit_code == 0
    assert len(sandbox.requests) - count <= count
    assert rows(cursor, "select count(*) from comms.runs") == [(2,)]


def test_a_lost_turn_does_not_stop_the_load(
    sandbox: Sandbox,
    cursor: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rows are loaded, and a warning says that the lock was lost."""
    load = dlt.Pipeline.load

    def lose_and_load(*arguments: Any, **named: Any) -> Any:
        query = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
        assert rows(cursor, query) == [(True,)]
        return load(*arguments, **named)

    monkeypatch.setattr(dlt.Pipeline, "load", lose_and_load)
    assert load_there(sandbox).exit_code == 0
    assert "the lock between loads was lost" in caplog.text
    assert rows(cursor, "select count(*) from comms.runs") == [(1,)]
