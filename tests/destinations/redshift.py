"""PostgreSQL as a stand-in for Redshift: what Redshift's dialect uses and PostgreSQL lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg2  # type: ignore[import-untyped]
import pytest
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.impl.redshift.redshift import RedshiftSqlClient

LONGEST: Final = re.compile(r"varchar\(max\)", re.IGNORECASE)

GETDATE: Final = """
create function getdate() returns timestamp language sql stable
as $$ select cast(now() at time zone 'UTC' as timestamp) $$
"""
"""In Redshift, the current time in UTC, without a zone."""


BACKSLASHES: Final = {
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "escape_string_warning": "off",
}
"""In Redshift, a backslash in a text escapes the next character, as in older PostgreSQL."""


def prepare(url: str) -> None:
    """Create the function in a database, and let its sessions read texts as Redshift does."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(GETDATE)
        for setting, value in BACKSLASHES.items():
            cursor.execute(f'alter database "{connection.info.dbname}" set {setting} = {value}')


@contextmanager
def adapted_to_postgres() -> Iterator[None]:
    """Send the type `varchar(max)` as `varchar`, which is PostgreSQL's name for it."""

    def execute(client: Any, query: Any, *values: Any, **named: Any) -> Any:
        # A script of dlt's is composed of texts, which hold rows only.
        sent = LONGEST.sub("varchar", query) if isinstance(query, str) else query
        return Psycopg2SqlClient.execute_query(client, sent, *values, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RedshiftSqlClient, "execute_query", execute)
        yield
