"""Locks on PostgreSQL: how long to wait for one, and which connection has it.

Needs psycopg2, so import it only where the destination is PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import errorcodes

LOCK_TIMEOUT: Final = "500ms"
"""Readers that come queue up behind a statement that waits for a lock, so it does not wait for
long. Half of PostgreSQL's `deadlock_timeout`: what would deadlock gives way before."""

_NOT_NOW: Final = frozenset({errorcodes.LOCK_NOT_AVAILABLE, errorcodes.DEADLOCK_DETECTED})

_SESSION: Final = """
    coalesce(nullif(application_name, ''), 'a program') || ' (PID ' || pid || ' of PostgreSQL'
    || coalesce(', user ' || usename, '') || coalesce(', from ' || host(client_addr), '')
    || coalesce(', since ' || to_char(xact_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                '')
    || ')'
"""
"""One connection in words; PostgreSQL hides some of it from roles without the right to see it."""

# pg_locks keeps the two halves of the key apart; only there it has objsubid 1.
_TURN: Final = f"""
    select {_SESSION} from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and objsubid = 1
      and (classid::bigint << 32) | objid::bigint = %s
      and database = (select oid from pg_database where datname = current_database())
"""  # noqa: S608 - only what stands here

_USERS: Final = f"""
    select {_SESSION} from pg_stat_activity
    where pid <> pg_backend_pid() and pid in (
        select l.pid from pg_locks l
        join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
        where granted and nspname = %s and relname = any(%s)
          and l.database = (select oid from pg_database where datname = current_database())
    )
    order by xact_start limit 3
"""  # noqa: S608 - only what stands here


@contextmanager
def hasty(connection: Any) -> Iterator[Any]:
    """A transaction that waits for no lock longer than `LOCK_TIMEOUT`; yields its cursor."""
    with connection, connection.cursor() as cursor:
        cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        yield cursor


def is_not_now(error: BaseException) -> bool:
    """Whether the same may work a moment later: somebody else has a lock."""
    return getattr(error, "pgcode", None) in _NOT_NOW


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, rather than a statement refused."""
    code: str | None = getattr(error, "pgcode", None)
    if code is None:
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return code.startswith(("08", "57P0"))


def first_line(error: BaseException) -> str:
    """What PostgreSQL says about an error, without its details."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def holder_of(cursor: Any, key: int) -> str:
    """Which connection holds an advisory lock, in words."""
    cursor.execute(_TURN, (key,))
    return "; ".join(said for (said,) in cursor.fetchall()) or "a connection that has just ended"


def users_of(connection: Any, *, dataset: str, relations: Sequence[str]) -> str:
    """Which other connections use some of the relations of a dataset, in words; at most three."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_USERS, (dataset, list(relations)))
        return "; ".join(said for (said,) in cursor.fetchall()) or "a query that has just ended"
