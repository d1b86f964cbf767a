"""Helpers for the tests of PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import psycopg2  # type: ignore[import-untyped]

from comms_source.commands.load import run_load
from comms_source.commands.summary import RunSummary
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.postgres import Postgres
from tests.support import last_second, session_for

DATABASE = "runs"
COMMS = "from comms_source.cli import main; main()"
LOCKS = "select count(*) from pg_locks where locktype = 'advisory' and granted"
READ = "select count(*) from comms.email_operations"
MAX_WAIT = 30
"""Seconds within which a process must do what is expected."""


def load_there(sandbox: Sandbox, **changes: Any) -> RunSummary:
    """One run of `comms load` into PostgreSQL."""
    return run_load(session=session_for(sandbox, **changes), pipeline=pipeline())


def pipeline() -> dlt.Pipeline:
    """The pipeline of the commands, into PostgreSQL."""
    return open_pipeline(destination="postgres")


def rows(cursor: Any, query: str) -> list[tuple[Any, ...]]:
    """The result of a query."""
    cursor.execute(query)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


@contextmanager
def other_load(sandbox: Sandbox, *, data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `comms load`; as on another machine if `data` is another folder."""
    sandbox.clock.set(last_second())
    process = subprocess.Popen(
        [sys.executable, "-c", COMMS, "--verbose", "load", "--destination", "postgres"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SOURCES__COMMS_SOURCE__BASE_URL": sandbox.url,
            "TWILIO_ACCOUNT_SID": ACCOUNT_ID,
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "DLT_DATA_DIR": str(data),
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_it_waits(process: subprocess.Popen[str]) -> str:
    """The log line that says what the load waits for."""
    assert process.stderr
    lines = []
    for line in process.stderr:
        if "waiting: " in line:
            return line
        lines.append(line)
    raise AssertionError("".join(lines))


def none_locked(cursor: Any) -> bool:
    """Whether the server soon has no advisory lock; closing a connection takes a moment."""
    until = time.monotonic() + MAX_WAIT
    while rows(cursor, LOCKS) != [(0,)]:
        if time.monotonic() > until:
            return False
    return True


@contextmanager
def reader(postgres: Postgres, *, query: str = READ) -> Iterator[Any]:
    """A connection that has read, and keeps its transaction open until the block ends."""
    connection = psycopg2.connect(postgres.url(DATABASE), application_name="a long report")
    try:
        with connection.cursor() as reading:
            reading.execute(query)
            yield connection
    finally:
        connection.close()
