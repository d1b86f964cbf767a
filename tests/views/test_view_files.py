"""The files of the views, what is made of them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from comms_source import views
from comms_source.channels import CHANNELS
from comms_source.views import COMMENTING, View, parse_view, read_views, view_statements
from tests.views.view_tables import (
    empty_tables,
    make_views,
    operations_of,
    put,
    records,
    sample,
    warehouse,
)

DIALECTS: Final = (
    "duckdb",
    "postgres",
    "snowflake",
    "bigquery",
    "databricks",
    "clickhouse",
    "redshift",
)
GOOD: Final = """\
-- One row per thing,
-- and nothing else.
with things as (

    select * from somewhere

)

select
    id,  -- the thing's id
    -- what it is worth, in a comment
    -- that has a line above it
    worth
from things
"""


def named_selects(query: str, *, dialect: str) -> list[str]:
    """The names of the columns that a query gives."""
    tree = sqlglot.parse_one(query, read=dialect)
    assert isinstance(tree, exp.Query)
    return tree.named_selects


def test_that_each_view_follows_those_that_it_reads() -> None:
    """The order of the files' names would be wrong: the days are made from the operations."""
    assert [view.name for view in read_views()] == ["operations", "daily_delivery"]


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_that_each_file_says_what_each_column_means(view: View) -> None:
    """Every view has a description and every column of its result a comment of its own."""
    names = named_selects(view.sql, dialect="duckdb")
    assert list(view.columns) == names
    assert view.comment
    assert all(view.columns.values())
    assert len(set(view.columns.values())) == len(names)


def test_that_duckdb_knows_every_comment() -> None:
    """Whoever opens the database finds the descriptions there, word for word."""
    with empty_tables() as db:
        for statements in view_statements(dialect="duckdb", dataset="comms"):
            for statement in (statements.create, *statements.comments):
                db.execute(statement)
        of_views = records(
            db, "select view_name, comment from duckdb_views() where schema_name = 'comms'"
        )
        of_columns = records(
            db,
            "select table_name, column_name, comment from duckdb_columns()"
            " where schema_name = 'comms' and table_name not like '%_operations'"
            " order by table_name, column_index",
        )
    assert {row["view_name"]: row["comment"] for row in of_views} == {
        view.name: view.comment for view in read_views()
    }
    assert [tuple(row.values()) for row in of_columns] == [
        (view.name, column, comment)
        for view in sorted(read_views(), key=lambda view: view.name)
        for column, comment in view.columns.items()
    ]


@pytest.mark.parametrize("name", ["operations", "daily_delivery"])
def test_that_columns_have_the_types_that_people_calculate_with(name: str) -> None:
    """Counters are BIGINT, measures that are shares DOUBLE, a day is a DATE: no 128-bit sums."""
    with warehouse() as db:
        types = {
            row["column_name"]: row["column_type"]
            for row in records(db, f"describe select * from comms.{name}")
        }
    special = {
        "day": "DATE",
        **dict.fromkeys(("account", "channel", "id", "status", "stats_reading"), "VARCHAR"),
        "extra": "VARCHAR",
        **dict.fromkeys(("created_at", "updated_at", "synced_at"), "TIMESTAMP WITH TIME ZONE"),
    }
    assert types == {
        column: special.get(
            column, "DOUBLE" if "_rate" in column or column.startswith("attempts_") else "BIGINT"
        )
        for column in types
    }


def test_that_a_file_is_taken_apart_as_it_is_written() -> None:
    """The comment of a column is behind it or on the line above; lines of the head are joined."""
    view = parse_view("things", GOOD)
    assert view.comment == "One row per thing, and nothing else."
    assert view.columns == {"id": "the thing's id", "worth": "that has a line above it"}


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("-- One row per thing,\n-- and nothing else.\n", "the view"),
        ("  -- the thing's id", "id"),
        (
            "    -- what it is worth, in a comment\n    -- that has a line above it\n",
            "worth",
        ),
    ],
)
def test_that_a_file_without_a_comment_is_refused(without: str, named: str) -> None:
    """Nothing gets into the warehouse that nobody has described; the message says what it is."""
    assert without in GOOD
    with pytest.raises(ValueError, match=f"things.sql: no comment for {named}"):
        parse_view("things", GOOD.replace(without, ""))


def test_that_views_that_read_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """There is no order to make them in, and the message names both."""
    for name, other in (("hens", "eggs"), ("eggs", "hens")):
        text = f"-- What comes first.\nselect\n    id  -- an id\nfrom {other}\n"
        (tmp_path / f"{name}.sql").write_text(text)
    monkeypatch.setattr(views, "_sql_files", lambda: sorted(tmp_path.glob("*.sql")))
    with pytest.raises(ValueError, match=r"(?s)read each other.*(hens.*eggs|eggs.*hens)"):
        read_views.__wrapped__()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_each_view_can_be_said_in_every_dialect(dialect: str) -> None:
    """What comes out is one `create or replace view` that the dialect's parser takes, unwarned."""
    for statements in view_statements(dialect=dialect, dataset="comms"):
        (tree,) = sqlglot.parse(
            statements.create, read=dialect, error_level=sqlglot.ErrorLevel.RAISE
        )
        assert isinstance(tree, exp.Create)
        assert (tree.kind, tree.args["replace"], tree.this.name) == ("VIEW", True, statements.name)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_a_view_keeps_its_columns_in_every_dialect(dialect: str) -> None:
    """No dialect renames, drops or reorders what the file names."""
    for view, statements in zip(
        read_views(), view_statements(dialect=dialect, dataset="comms"), strict=True
    ):
        query = statements.create.partition(" AS ")[2]
        assert named_selects(query, dialect=dialect) == list(view.columns)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_every_table_is_read_from_the_dataset(dialect: str) -> None:
    """No search path decides which tables a view reads."""
    outside = {channel.table for channel in CHANNELS.values()} | {"operations"}
    for statements in view_statements(dialect=dialect, dataset="comms"):
        tree = sqlglot.parse_one(statements.create, read=dialect)
        parts = {cte.alias for cte in tree.find_all(exp.CTE)}
        read = {table for table in tree.expression.find_all(exp.Table) if table.name not in parts}
        assert read
        assert {table.name for table in read} <= outside
        assert {table.db for table in read} == {"comms"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_comments_are_made_where_views_take_them(dialect: str) -> None:
    """One for the view and one for each column, or none where the statement does not exist."""
    for view, statements in zip(
        read_views(), view_statements(dialect=dialect, dataset="comms"), strict=True
    ):
        expected = 1 + len(view.columns) if dialect in COMMENTING else 0
        assert len(statements.comments) == expected
        for comment in statements.comments:
            assert isinstance(sqlglot.parse_one(comment, read=dialect), exp.Comment)


def test_that_snowflake_finds_the_names_that_dlt_gave() -> None:
    """There names fold to upper case, dlt's tables do, and a quoted one in lower case is lost."""
    for statements in view_statements(dialect="snowflake", dataset="comms"):
        for sql in (statements.create, *statements.comments):
            tree = sqlglot.parse_one(sql, read="snowflake")
            quoted = [name.this for name in tree.find_all(exp.Identifier) if name.args["quoted"]]
            assert quoted == []


def test_that_the_views_need_no_search_path(tmp_path: Path) -> None:
    """Made in one session, they work in the next, from any schema, after the file was closed."""
    path = str(tmp_path / "kept.duckdb")
    with warehouse([sample("email_guide")], path=path) as db:
        before = operations_of(db)
    with duckdb.connect(path) as db:
        assert records(db, "select current_schema() as here") == [{"here": "main"}]
        assert operations_of(db) == before
        assert len(records(db, "select * from comms.daily_delivery")) == 1


def test_that_a_dataset_may_have_any_name() -> None:
    """A schema whose name has to be quoted is quoted."""
    with empty_tables(schema="Order of 2026") as db:
        make_views(db, schema="Order of 2026")
        assert records(db, 'select * from "Order of 2026".daily_delivery') == []


def test_that_making_the_views_twice_changes_nothing() -> None:
    """Each run makes them again: same definitions, same columns, same rows, no error."""
    query = "select view_name, sql from duckdb_views() where schema_name = 'comms'"
    with warehouse([sample("message_list"), sample("push_list_0")]) as db:
        before = (records(db, query), operations_of(db))
        make_views(db)
        assert (records(db, query), operations_of(db)) == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_that_columns_nobody_knows_are_ignored(when: str) -> None:
    """A new counter of the API becomes a column of its table, and no view breaks or changes."""
    added = "alter table comms.message_operations add column {} bigint default 7"
    with warehouse() as plain:
        put(plain, [sample("message_single")])
        expected = operations_of(plain)
    with empty_tables() as db:
        if when == "before":
            db.execute(added.format("expired"))
            db.execute(added.format("opened"))
        make_views(db)
        if when == "after":
            db.execute(added.format("expired"))
            db.execute(added.format("opened"))
        put(db, [sample("message_single")])
        assert operations_of(db) == expected
