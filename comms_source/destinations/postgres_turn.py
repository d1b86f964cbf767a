"""The turn of loading on PostgreSQL, between machines: a lock that ends with its transaction.

The transaction is held open on a connection of its own. A lock of the session would leak through a
pooler such as PgBouncer, which gives each transaction to any of the connections that it keeps.

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
"""Of an application, in bytes; PostgreSQL cuts off the rest."""

# Not each version of PostgreSQL has each of these. What is set ends with the transaction.
_PREPARE: Final = """
    select set_config(name, wanted, true) from pg_settings
    join (values ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
                 ('application_name', %s)) as run (setting_name, wanted) on setting_name = name
"""


@contextmanager
def turn(credentials: str, *, dataset: str, deadline: Deadline) -> Iterator[None]:
    """Wait for the run that loads into the dataset, from any machine, and keep others waiting.

    If the connection is lost inside the block, that is logged, and the block goes on.

    Raises:
        PipelineBusy: if the turn has not come by the deadline; it names the run that has it.
        LoadFailed: if PostgreSQL cannot be reached, or ends the connection before the turn comes.
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
                f"PostgreSQL ended the wait for the turn to load ({first_line(error)}); "
                "what was read is kept, so load again"
            ) from None
        try:
            yield
        finally:
            _give_back(connection)


def _key(dataset: str) -> int:
    digest = hashlib.sha256(f"comms_source {dataset}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _wait(connection: Any, key: int, deadline: Deadline) -> None:
    """Try until the turn comes: a statement that waits would hear no signal."""
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
                f"{holder} has been loading into this dataset for as long as this run may wait "
                f"(max_load_wait, {deadline.allowed}); what was read is kept, so load again later. "
                "If that run is gone, end its connection: select pg_terminate_backend(PID)",
                waited=True,
            )
        if not waiting:
            logger.info("waiting: %s loads into this dataset", holder)
        waiting = True
        time.sleep(min(SECONDS_BETWEEN_TRIES, deadline.left))


def _give_back(connection: Any) -> None:
    try:
        connection.rollback()
    except psycopg2.Error as error:
        logger.warning(
            "the turn to load was lost on the way, since PostgreSQL ended its connection (%s); "
            "rows are merged by key, so this run's are right. Should another run have loaded at "
            "the same time, comms load --full mends what both had added",
            first_line(error),
        )


def name_of_this_run() -> str:
    """What other runs get to read of this one: `comms 123 on host, since 2026-01-01T00:00:00Z`."""
    begin, end = f"comms {os.getpid()} on ", f", since {to_iso(align_down(utc_now(), SECOND))}"
    host = platform.node().encode("ascii", "replace").decode()
    return begin + host[: MAX_NAME_LENGTH - len(begin + end)] + end
