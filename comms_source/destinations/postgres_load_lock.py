"""The turn to load on PostgreSQL, between machines: an advisory lock of a transaction.

The transaction is kept open on its own connection. A lock of the session would not work with a
pooler such as PgBouncer, which may run each transaction on a different connection.

Needs psycopg2, so import it only where the destination is PostgreSQL.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]

from comms_source.config.waits import Deadline
from comms_source.destinations.postgres_locks import first_line, holder_of
from comms_source.errors import LoadFailed, PipelineBusy
from comms_source.timespans import SECOND, align_down, to_iso, utc_now

logger = logging.getLogger("comms_source")

SECONDS_BETWEEN_TRIES: Final = 0.5
MAX_NAME_LENGTH: Final = 63
"""The maximum length of an application name in bytes; PostgreSQL truncates longer ones."""

# Not every version of PostgreSQL has all of these. They are set for this transaction only.
_PREPARE: Final = """
    select set_config(name, wanted, true) from pg_settings
    join (values ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
                 ('application_name', %s)) as run (setting_name, wanted) on setting_name = name
"""


@contextmanager
def turn(credentials: str, *, dataset: str, deadline: Deadline) -> Iterator[None]:
    """Wait until no other run, on any machine, loads into the dataset; others wait for this one.

    If the connection is lost inside the block, that is logged, and the block continues.

    Raises:
        PipelineBusy: if another run is still loading at the deadline; the message names it.
        LoadFailed: if PostgreSQL cannot be reached, or the connection is lost during the wait.
    """
    try:
        connection = psycopg2.connect(credentials)
    except psycopg2.Error as error:
        raise LoadFailed(f"PostgreSQL cannot be reached: {first_line(error)}") from None
    with closing(connection):
        try:
            _wait(connection, _key(dataset), deadline)
        except psycopg2.Error as error:
            raise LoadFailed(
                "the connection to PostgreSQL was lost while waiting for another load "
                f"({first_line(error)}); what was read is kept, so load again"
            ) from None
        try:
            yield
        finally:
            _release(connection)


def _key(dataset: str) -> int:
    digest = hashlib.sha256(f"comms_source {dataset}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _wait(connection: Any, key: int, deadline: Deadline) -> None:
    """Poll for the lock: a statement that waits for it could not be interrupted by a signal."""
    waiting = False
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PREPARE, (name_of_this_run(),))
            cursor.execute("select pg_try_advisory_xact_lock(%s)", (key,))
            if cursor.fetchone() == (True,):
                return
            holder = holder_of(cursor, key)
        connection.rollback()
        if not deadline.left:
            raise PipelineBusy(
                f"another run is still loading: {holder}. Gave up after max_load_wait "
                f"({deadline.allowed}). What was read is kept: load again later. If that run no "
                "longer exists, end its connection: select pg_terminate_backend(PID)",
                waited=True,
            )
        if not waiting:
            logger.info("waiting: another run is loading: %s", holder)
        waiting = True
        time.sleep(min(SECONDS_BETWEEN_TRIES, deadline.left))


def _release(connection: Any) -> None:
    try:
        connection.rollback()
    except psycopg2.Error as error:
        logger.warning(
            "the lock between loads was lost, since PostgreSQL closed its connection (%s). Rows "
            "are merged by key, so the rows of this run are correct. If another run loaded at the "
            "same time, comms load --full repairs duplicates",
            first_line(error),
        )


def name_of_this_run() -> str:
    """The application name that identifies this run: `comms 12 on host, since 2026-...Z`."""
    begin, end = f"comms {os.getpid()} on ", f", since {to_iso(align_down(utc_now(), SECOND))}"
    host = platform.node().encode("ascii", "replace").decode()
    return begin + host[: MAX_NAME_LENGTH - len(begin + end)] + end
