"""The files of the views, what is made of them, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from comms_source import view_files
from comms_source.view_files import View, parse_view, read_views, sql_files, tables_of
from comms_source.view_statements import view_statements
from tests.views.view_tables import (
    empty_tables,
    make_views,
    operations_of,
    put,
    records,
    sample,
    warehouse,
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


def test_that_each_view_follows_those_that_it_reads() -> None:
    """The order of the files' names would be wrong: the first of them would lack what it reads."""
    names = [view.name for view in read_views()]
    for position, view in enumerate(read_views()):
        assert tables_of(view.sql) & set(names) <= set(names[:position])
    assert sorted(names) == [path.stem for path in sql_files()] != names


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_that_each_file_says_what_each_column_means(view: View) -> None:
    """Every view has a description and every column of its result a comment of its own."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    assert isinstance(tree, exp.Query)
    names = tree.named_selects
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
            " where schema_name = 'comms' and table_name in (select view_name from duckdb_views())"
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


TYPES: Final = (
    ("day|(first|last)_day", "DATE"),
    ("hour", "TIMESTAMP"),
    ("account|channel|id|.*status|.*reading|reason|contradiction|size|.*outcome|extra", "VARCHAR"),
    (
        "complete_up_to|newest_operation|valid_to|valid_from|.*_at|.*_end",
        "TIMESTAMP WITH TIME ZONE",
    ),
    ("is_.*|rules_out_.*", "BOOLEAN"),
    (".*_rate(_.*)?|.*_share|.*_hours|hours_.*|attempts_per_resource", "DOUBLE"),
)
"""By the name of the column; any other is a whole number."""


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_that_columns_have_the_types_that_people_calculate_with(view: View) -> None:
    """Counts are BIGINT, shares and hours DOUBLE, a day is a DATE: no 128-bit sums."""
    with warehouse() as db:
        columns = records(db, f"describe select * from comms.{view.name}")
    types = {row["column_name"]: row["column_type"] for row in columns}
    assert types == {
        column: next((kind for name, kind in TYPES if re.fullmatch(name, column)), "BIGINT")
        for column in view.columns
    }


def test_that_a_file_is_taken_apart_as_it_is_written() -> None:
    """The comment of a column is behind it or on the lines above it; several are joined."""
    view = parse_view("things", GOOD)
    assert view.comment == "One row per thing, and nothing else."
    worth = "what it is worth, in a comment that has a line above it"
    assert view.columns == {"id": "the thing's id", "worth": worth}


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
    monkeypatch.setattr(view_files, "sql_files", lambda: sorted(tmp_path.glob("*.sql")))
    with pytest.raises(ValueError, match=r"(?s)read each other.*(hens.*eggs|eggs.*hens)"):
        read_views.__wrapped__()


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
