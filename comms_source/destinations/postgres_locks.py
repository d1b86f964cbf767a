"""Locks on PostgreSQL: how long to wait for one, and which connection holds it.

Needs psycopg2, so import it only where the destination is PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import errorcodes

LOCK_TIMEOUT: Final = "500ms"
"""Later readers queue up behind a statement that waits for a lock, so the wait is short. It is half
of PostgreSQL's `deadlock_timeout`, so that our statement gives up before a deadlock is detected."""

_CONFLICTS: Final = frozenset({errorcodes.LOCK_NOT_AVAILABLE, errorcodes.DEADLOCK_DETECTED})

_SESSION: Final = """
    coalesce(nullif(application_name, ''), 'a program') || ' (PID ' || pid || ' of PostgreSQL'
    || coalesce(', user ' || usename, '') || coalesce(', from ' || host(client_addr), '')
    || coalesce(', since ' || to_char(xact_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                '')
    || ')'
"""
"""Describes one connection; PostgreSQL hides some columns from roles without the privilege."""

# pg_locks has a 64-bit key in two columns, and then objsubid is 1.
_TURN: Final = f"""
    select {_SESSION} from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and objsubid = 1
      and (classid::bigint << 32) | objid::bigint = %s
      and database = (select oid from pg_database where datname = current_database())
"""  # noqa: S608 - only constants

_USERS: Final = f"""
    select {_SESSION} from pg_stat_activity
    where pid <> pg_backend_pid() and pid in (
        select l.pid from pg_locks l
        join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
        where granted and nspname = %s and relname = any(%s)
          and l.database = (select oid from pg_database where datname = current_database())
    )
    order by xact_start limit 3
"""  # noqa: S608 - only constants


@contextmanager
def short_lock_timeout(connection: Any) -> Iterator[Any]:
    """A transaction that waits at most `LOCK_TIMEOUT` for a lock; yields its cursor."""
    with connection, connection.cursor() as cursor:
        cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        yield cursor


def is_lock_conflict(error: BaseException) -> bool:
    """Whether a retry may succeed, since another connection holds a lock."""
    return getattr(error, "pgcode", None) in _CONFLICTS


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection is lost, as opposed to a failed statement."""
    code: str | None = getattr(error, "pgcode", None)
    if code is None:
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return code.startswith(("08", "57P0"))


def first_line(error: BaseException) -> str:
    """The first line of PostgreSQL's error message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def holder_of(cursor: Any, key: int) -> str:
    """Describe the connection that holds an advisory lock."""
    cursor.execute(_TURN, (key,))
    return "; ".join(text for (text,) in cursor.fetchall()) or "a connection that has just ended"


def users_of(connection: Any, *, dataset: str, relations: Sequence[str]) -> str:
    """Describe the other connections that use the relations of a dataset; at most three."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_USERS, (dataset, list(relations)))
        return "; ".join(text for (text,) in cursor.fetchall()) or "a query that has just ended"
