"""Loads through PgBouncer in transaction mode, as Supabase and Neon have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]
import pytest

from comms_source.destinations.locks import in_turn
from comms_source.sandbox import Sandbox
from tests.pgbouncer import NoPgBouncer, running_pgbouncer
from tests.postgres import Postgres
from tests.runs.on_postgres import (
    DATABASE,
    MAX_WAIT,
    load_there,
    none_locked,
    other_load,
    pipeline,
    rows,
    until_it_waits,
)

pytestmark = pytest.mark.slow

ROUNDS = 10


@pytest.fixture(scope="module")
def pooled(postgres: Postgres) -> Iterator[Postgres]:
    """A PgBouncer in front of the server; without the program, its tests are skipped."""
    try:
        with running_pgbouncer(postgres) as pooler:
            yield pooler
    except NoPgBouncer as reason:
        pytest.skip(str(reason))


@pytest.fixture(autouse=True)
def through_pgbouncer(cursor: Any, pooled: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads go through PgBouncer, the cursor does not; waits are short."""
    assert cursor
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", pooled.url(DATABASE))
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__MAX_LOAD_WAIT", "20 seconds")


@contextmanager
def busy_connection(pooled: Postgres) -> Iterator[None]:
    """A client that keeps one of the server's connections busy, in a transaction."""
    with closing(psycopg2.connect(pooled.url(DATABASE))) as connection:
        connection.cursor().execute("select 1")
        yield
        connection.rollback()  # PgBouncer keeps only what is left outside a transaction


def test_loads_one_after_the_other_complete(
    sandbox: Sandbox, cursor: Any, pooled: Postgres
) -> None:
    """Each finds the lock free, on any of the server's connections."""
    with ExitStack() as before:
        for _ in range(ROUNDS):
            reader = ExitStack()
            reader.enter_context(busy_connection(pooled))
            before.close()
            before.push(reader)
            assert load_there(sandbox).exit_code == 0
            sandbox.clock.set(sandbox.clock.now() + timedelta(minutes=20))

    assert none_locked(cursor)
    assert rows(cursor, "select count(*) from comms.runs") == [(ROUNDS,)]


def test_a_second_load_waits_for_the_first(sandbox: Sandbox, cursor: Any, tmp_path: Path) -> None:
    """The lock is kept as long as its transaction is open."""
    with ExitStack() as first:
        first.enter_context(in_turn(pipeline()))
        with other_load(sandbox, data=tmp_path / "elsewhere") as process:
            until_it_waits(process)
            assert process.poll() is None
            first.close()
            assert process.wait(MAX_WAIT) == 0

    assert none_locked(cursor)
    assert rows(cursor, "select count(*) from comms.runs") == [(1,)]
