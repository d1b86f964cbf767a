"""A dataset without details has the views that it always had; with details it has more."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import dlt
import duckdb
import pytest

from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.views.create import create_views, refresh_views
from comms_source.views.files import detail_view_names, read_views, tables_of, view_names
from comms_source.views.macros import detail_columns, documented_columns
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import view_statements
from tests.views.expectations import EXPECTED
from tests.views.view_tables import DEFAULTS, empty_tables, records, table_schemas, warehouse
from tests.views.view_worlds import Chance, put_world, random_world

DETAIL_NAMES: Final = frozenset(spec.name for spec in DETAIL_TABLES)


def test_views_of_details_are_those_that_read_them() -> None:
    """Directly or through other views; only what decides the counter mode does without them."""
    reading = {view.name: tables_of(view.sql) for view in read_views(details=True)}
    expected: set[str] = set()
    for name, read in reading.items():  # each one after the views that it reads
        if name != "int_counter_modes" and read & (DETAIL_NAMES | expected):
            expected.add(name)
    assert detail_view_names() == expected
    assert view_names(details=True) == reading.keys()
    assert view_names() == {view.name for view in read_views()} == reading.keys() - expected


@pytest.mark.parametrize("missing", sorted(DETAIL_NAMES))
def test_one_missing_table_leaves_all_views_of_details_out(missing: str) -> None:
    """One view that cannot be created would stop all others from being created."""
    columns = documented_columns() | {
        (table, name) for table, name in detail_columns() if table != missing
    }
    views = view_statements(dialect="duckdb", dataset="comms", columns=columns)
    assert {view.name for view in views} == view_names()


@pytest.mark.slow
def test_the_rows_of_other_views_do_not_depend_on_the_tables() -> None:
    """Without details, each view has the rows that it has with empty tables of details."""
    world = random_world(Chance(8), 200)
    with warehouse() as db, empty_tables() as without:
        for table in DETAIL_NAMES:
            without.execute(f"drop table comms.{table}")
        for statements in view_statements(dialect="duckdb", dataset="comms", settings=DEFAULTS):
            without.execute(statements.create)
        put_world(db, world)
        put_world(without, world)
        for view in EXPECTED.keys() - detail_view_names():
            query = f"select * from comms.{view} order by all"
            assert (found := records(without, query)) == records(db, query), view
            assert found, view


def test_the_views_know_whether_there_are_details() -> None:
    """A report reads from them which views it can query."""
    query = "select value from comms.view_settings where setting = 'details'"
    with empty_tables() as db:
        for columns, value in (
            (documented_columns(), "false"),
            (documented_columns() | detail_columns(), "true"),
        ):
            for view in view_statements(dialect="duckdb", dataset="comms", columns=columns):
                db.execute(view.create)
            assert records(db, query) == [{"value": value}]


@pytest.mark.slow
def test_the_first_load_of_details_brings_their_views(tmp_path: Path) -> None:
    """Views that exist are not enough then, although nothing else has changed."""
    pipeline = dlt.pipeline(
        pipeline_name="views",
        destination=dlt.destinations.duckdb(str(tmp_path / "w.duckdb")),
        dataset_name="comms",
        pipelines_dir=str(tmp_path / "p"),
    )

    def load(*tables: str) -> None:
        empty = {name: table_schemas()[name].empty_table() for name in tables}
        pipeline.run([dlt.resource([rows], name=name) for name, rows in empty.items()])

    load(*(table_schemas().keys() - DETAIL_NAMES))
    settings = ViewSettings()
    without = [view.name for view in read_views()]
    assert create_views(pipeline, settings=settings) == without
    assert refresh_views(pipeline, settings=settings) == without

    load(*DETAIL_NAMES)
    names = [view.name for view in read_views(details=True)]
    assert refresh_views(pipeline, settings=settings) == names
    assert refresh_views(pipeline, settings=settings) == names
    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        found = records(db, "select view_name from duckdb_views() where schema_name = 'comms'")
        assert {row["view_name"] for row in found} == set(names)
        assert records(db, "select * from comms.error_codes") == []
        db.execute("drop table comms.operation_details")
    assert refresh_views(pipeline, settings=settings) == without
