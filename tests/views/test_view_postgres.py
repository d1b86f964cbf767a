"""The views in PostgreSQL have the same rows as in DuckDB."""

from __future__ import annotations

from decimal import Decimal
from math import isclose
from typing import Any, Final

import pyarrow as pa
import pytest

from comms_source.views.files import public_views, read_views
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import view_statements
from tests.postgres import Postgres
from tests.views.detail_worlds import with_details
from tests.views.expectations import EXPECTED, by_key
from tests.views.view_tables import (
    DEFAULTS,
    NOW,
    WITH_DETAILS,
    Record,
    put_rows,
    records,
    table_schemas,
    warehouse,
)
from tests.views.view_worlds import Chance, put_world, random_world

DATABASE: Final = "views"
KINDS: Final = {
    pa.string(): "text",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}
TYPES: Final = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "INTEGER": "integer",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "VARCHAR": "text",
}
BERLIN: Final = ViewSettings(
    now=NOW, time_zone="Europe/Berlin", counter_mode={"emails": "exclusive"}
)
KEYS: Final = {view: key for view, (key, _) in EXPECTED.items()} | {"view_settings": ("setting",)}
"""The key columns of each view."""

Tables = dict[str, list[Record]]


@pytest.fixture(scope="module")
def tables(postgres: Postgres) -> Tables:
    """The rows of all tables, which are also in the database."""
    with warehouse() as db:
        chance = Chance(15)
        put_world(db, with_details(chance, random_world(chance, 300)))
        rows = {name: records(db, f"select * from comms.{name}") for name in table_schemas()}
    postgres.make_database(DATABASE)
    with postgres.connect(DATABASE) as cursor:
        cursor.execute("create schema comms")
        for name, schema in table_schemas().items():
            columns = [f"{field.name} {KINDS[field.type]}" for field in schema]
            cursor.execute(f"create table comms.{name} ({', '.join(columns)})")
            values = ", ".join(["%s"] * len(schema))
            cursor.executemany(
                f"insert into comms.{name} values ({values})",
                [list(row.values()) for row in rows[name]],
            )
    return rows


def make_views(cursor: Any, settings: ViewSettings) -> None:
    """Create the views again, with their comments."""
    views = view_statements(
        dialect="postgres", dataset="comms", settings=settings, columns=WITH_DETAILS
    )
    for view in reversed(views):
        cursor.execute(view.drop)
    for view in views:
        for statement in (view.create, *view.comments):
            cursor.execute(statement)


def test_every_public_view_is_compared() -> None:
    """A new view must be compared, too."""
    assert {view.name for view in public_views(details=True)} <= KEYS.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("zone", "settings"), [("America/New_York", DEFAULTS), ("Asia/Kolkata", BERLIN)]
)
def test_rows_are_those_of_duckdb(
    postgres: Postgres, tables: Tables, zone: str, settings: ViewSettings
) -> None:
    """For each view and column, in any time zone of the session."""
    with warehouse(settings=settings) as db:
        for table, rows in tables.items():
            put_rows(db, table, rows)
        expected = {view: records(db, f"select * from comms.{view}") for view in KEYS}
    with postgres.connect(DATABASE, zone=zone) as cursor:
        make_views(cursor, settings)
        for view, key in KEYS.items():
            assert expected[view], view
            assert unlike(rows_of(cursor, view), expected[view], key=key) == {}, view


def test_types_are_those_of_duckdb(postgres: Postgres, tables: Tables) -> None:
    """No sum and no time is a NUMERIC, which Python would read as Decimal."""
    assert tables
    query = "select table_name, column_name, data_type from information_schema.columns"
    with postgres.connect(DATABASE) as cursor:
        make_views(cursor, DEFAULTS)
        cursor.execute(f"{query} where table_schema = 'comms'")
        found = {(view, column): kind for view, column, kind in cursor.fetchall()}
    with warehouse() as db:
        columns = [
            (view.name, row["column_name"], row["column_type"])
            for view in read_views(details=True)
            for row in records(db, f"describe comms.{view.name}")
        ]
    assert [(view, column, found[view, column]) for view, column, _ in columns] == [
        (view, column, TYPES[kind]) for view, column, kind in columns
    ]


def rows_of(cursor: Any, view: str) -> list[Record]:
    """The rows of a view in PostgreSQL."""
    cursor.execute(f"select * from comms.{view}")
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def unlike(rows: list[Record], expected: list[Record], *, key: tuple[str, ...]) -> dict[Any, Any]:
    """The rows that differ, with their expected values."""
    found, right = by_key(rows, key), by_key(expected, key)
    assert found.keys() == right.keys()
    assert [*rows[0]] == [*expected[0]]
    return {
        name: (row, right[name])
        for name, row in found.items()
        if not all(_same(value, right[name][column]) for column, value in row.items())
    }


def _same(value: Any, expected: Any) -> bool:
    if isinstance(value, float | Decimal) and expected is not None:
        return isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)
    return bool(value == expected)
