"""The files of the views, what is made of them, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from comms_source.channels import CHANNELS
from comms_source.tables.bookkeeping import RECORDS
from comms_source.views import files as view_files
from comms_source.views.files import (
    View,
    column_comments,
    parse_view,
    public_views,
    read_views,
    sql_files,
    sql_folder,
    tables_of,
)
from comms_source.views.macros import expand_macros, parse_macros
from comms_source.views.statements import view_statements
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
    id_of_thing,  -- the thing's id
    -- what it is worth, in a comment
    -- that has a line above it
    worth,
    requested
from things
"""

LAYERS: Final = ("staging", "intermediate", "marts", "monitoring")
OPERATIONS: Final = frozenset(
    name for each in CHANNELS.values() for name in (each.table, each.history_table)
)
BOOKKEEPING: Final = frozenset(record.table for record in RECORDS)


def test_the_order_is_always_the_same() -> None:
    """Another process has the same, however it happens to order what is in a set."""
    script = (
        "from comms_source.views.files import read_views; print(*[v.name for v in read_views()])"
    )
    orders = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert [name.decode() for order in orders for name in order.split()] == [
        view.name for view in read_views()
    ]


def test_each_view_follows_those_that_it_reads() -> None:
    """The order of the files' names would be wrong: the first of them would lack what it reads."""
    names = [view.name for view in read_views()]
    for position, view in enumerate(read_views()):
        assert tables_of(view.sql) & set(names) <= set(names[:position])
    assert sorted(names) == [path.stem for path in sql_files()] != names


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_layers(view: View) -> None:
    """Staging alone reads the tables of operations, and the names of steps begin like that.

    What people query, and the steps on the way to it, read views and the tables of bookkeeping.
    """
    layers = {each.name: each.layer for each in read_views()}
    assert view.layer in LAYERS
    prefixes = {"staging": "stg_", "intermediate": "int_"}
    assert view.name.startswith(prefixes.get(view.layer, ("",)))
    assert (view in public_views()) is (view.layer not in prefixes)
    read = tables_of(view.sql)
    if view.layer == "staging":
        assert read == OPERATIONS
    else:
        assert read <= BOOKKEEPING | layers.keys()
    below = {layers[name] for name in read & layers.keys()}
    if view.layer in prefixes:
        assert below <= prefixes.keys()
    else:
        assert "monitoring" not in below


@pytest.mark.parametrize("view", public_views(), ids=lambda view: view.name)
def test_each_column_is_described(view: View) -> None:
    """A view that people query has a description, and so has each column of its result."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    assert isinstance(tree, exp.Query)
    assert list(view.columns) == tree.named_selects
    assert view.comment
    assert all(view.columns.values())


def test_the_dictionary_says_each_meaning_once() -> None:
    """What it says is used by a view, and what two views say of a column is in it."""
    meanings = column_comments()
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for view in public_views():
        for name, comment in view.columns.items():
            said[name, comment].add(view.name)
    assert meanings.items() <= said.keys()
    twice = {pair for pair, views in said.items() if len(views) > 1}
    assert twice <= meanings.items()


def test_no_expression_is_written_twice() -> None:
    """What is longer than a line is in one file; elsewhere a view of it is read, or a macro."""
    files: dict[str, set[str]] = defaultdict(set)
    for view in read_views():
        for said in long_expressions(sqlglot.parse_one(view.sql, read="duckdb")):
            files[said].add(view.name)
    assert len(files) > 40
    assert {said: names for said, names in files.items() if len(names) > 1} == {}


def long_expressions(tree: Any) -> Iterator[str]:
    """What a select, a condition, a case or a window says in more than 80 characters."""
    said: list[Any] = [*tree.find_all(exp.Case, exp.Window, exp.Where)]
    for select in tree.find_all(exp.Select):
        said += [each.unalias() for each in select.expressions]
    texts = (each.sql("duckdb", comments=False) for each in said)
    return (text for text in texts if len(text) > 80)


def macros() -> dict[str, Any]:
    """The macros of the views."""
    return dict(parse_macros((sql_folder() / "macros.sql").read_text()))


def test_every_macro_is_used() -> None:
    """By a view, or by another macro."""
    texts = [path.read_text() for path in [*sql_files(), sql_folder() / "macros.sql"]]
    for name in macros():
        calls = sum(len(re.findall(rf"\b{name}\(", text)) for text in texts)
        assert calls > 1, name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("point(a, b)", "(case when a = b then a end)"),
        ("share(a + b, c)", None),
        ("point(smaller(a, b), c)", None),
        ("2 * hours_between(a, b)", "2 * ((epoch(b) - epoch(a)) / 3600)"),
        ("seconds_between(a, b)", "(epoch(b) - epoch(a))"),
    ],
)
def test_macros_expand(written: str, meant: str | None) -> None:
    """To what DuckDB makes of them, also where the argument is a sum or another macro."""
    tree = expand_macros(sqlglot.parse_one(f"select {written} as x", read="duckdb"), macros())
    expanded = tree.sql("duckdb")
    if meant:
        assert expanded == sqlglot.parse_one(f"select {meant} as x", read="duckdb").sql("duckdb")
    with duckdb.connect() as db:
        text = re.sub(r"--.*", "", (sql_folder() / "macros.sql").read_text())
        for macro in text.split(";"):
            if re.search(r"create macro (point|share|smaller)\(", macro):
                db.execute(macro)
        if "between" not in written:
            values = "from (values (1, 2, 3), (2, 1, 9), (null, 4, 0), (5, 5, 5)) as v(a, b, c)"
            found = db.execute(f"{expanded} {values}").fetchall()
            assert found == db.execute(f"select {written} as x {values}").fetchall()


def test_a_macro_takes_its_arguments() -> None:
    """A call with more or fewer of them is refused, and the message says what they are."""
    tree = sqlglot.parse_one("select point(a)", read="duckdb")
    with pytest.raises(ValueError, match="point takes low, high"):
        expand_macros(tree, macros())


def test_duckdb_has_every_comment() -> None:
    """In the database the descriptions are there, word for word."""
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
    ("day|week|month|(first|last)_day", "DATE"),
    ("hour", "TIMESTAMP"),
    ("account|channel|id|.*status|.*_mode|reason|problem|size|.*outcome|extra", "VARCHAR"),
    ("finality|ranking|period|measure|label|setting", "VARCHAR"),
    (
        "complete_up_to|newest_operation|valid_to|valid_from|as_of|.*_at|.*_end",
        "TIMESTAMP WITH TIME ZONE",
    ),
    ("is_.*|was_.*", "BOOLEAN"),
    (".*_rate(_.*)?|(.*_)?share(_.*)?|.*_hours|hours_.*|.*_age|attempts_per_resource", "DOUBLE"),
    ("age_hours|requested_per_minute_.*|value_.*|previous_value(_.*)?|change|growth", "DOUBLE"),
    ("usual_(?!days).*", "DOUBLE"),
    ("within_minutes|percentile|(?!channel).*_order", "INTEGER"),
)
"""By the name of the column; any other is a whole number."""

ELSEWHERE: Final = {
    ("delivery_trend", "value"): "DOUBLE",
    ("delivery_by_label", "value"): "VARCHAR",
    ("view_settings", "value"): "VARCHAR",
}
"""Columns whose name means different things."""


def test_columns_have_types_to_calculate_with() -> None:
    """Counts are whole numbers, shares and hours DOUBLE, a day is a DATE: no 128-bit sums."""
    with warehouse() as db:
        described = records(
            db,
            "select table_name, column_name, data_type from duckdb_columns()"
            " where schema_name = 'comms'",
        )
    types = {(row["table_name"], row["column_name"]): row["data_type"] for row in described}
    for view in public_views():
        for column in view.columns:
            named = next((kind for name, kind in TYPES if re.fullmatch(name, column)), "BIGINT")
            expected = ELSEWHERE.get((view.name, column), named)
            found = types[view.name, column]
            assert found == expected, (view.name, column)


def test_a_file_is_taken_apart() -> None:
    """A column's comment is behind it or on the lines above; what has none is in the dictionary."""
    view = parse_view("things", GOOD)
    assert view.comment == "One row per thing, and nothing else."
    assert view.columns == {
        "id_of_thing": "the thing's id",
        "worth": "what it is worth, in a comment that has a line above it",
        "requested": column_comments()["requested"],
    }


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("-- One row per thing,\n-- and nothing else.\n", "the view"),
        ("  -- the thing's id", "id_of_thing"),
        ("    -- what it is worth, in a comment\n    -- that has a line above it\n", "worth"),
    ],
)
def test_a_file_without_a_comment_is_refused(without: str, named: str) -> None:
    """Nothing gets into the warehouse that nobody has described; the message says what it is."""
    assert without in GOOD
    with pytest.raises(ValueError, match=f"things.sql: no comment for {named}"):
        parse_view("things", GOOD.replace(without, ""))


def test_views_that_read_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """There is no order to make them in, and the message names both."""
    for name, other in (("hens", "eggs"), ("eggs", "hens")):
        text = f"-- What comes first.\nselect\n    id  -- an id\nfrom {other}\n"
        (tmp_path / f"{name}.sql").write_text(text)
    monkeypatch.setattr(view_files, "sql_files", lambda: sorted(tmp_path.glob("*.sql")))
    with pytest.raises(ValueError, match=r"(?s)read each other.*(hens.*eggs|eggs.*hens)"):
        read_views.__wrapped__()


def test_views_need_no_search_path(tmp_path: Path) -> None:
    """Made in one session, they work in the next, from any schema, after the file was closed."""
    path = str(tmp_path / "kept.duckdb")
    with warehouse([sample("email_guide")], path=path) as db:
        before = operations_of(db)
    with duckdb.connect(path) as db:
        assert records(db, "select current_schema() as here") == [{"here": "main"}]
        assert operations_of(db) == before
        assert len(records(db, "select * from comms.daily_delivery")) == 1


def test_a_dataset_may_have_any_name() -> None:
    """A schema whose name has to be quoted is quoted."""
    with empty_tables(schema="Order of 2026") as db:
        make_views(db, schema="Order of 2026")
        assert records(db, 'select * from "Order of 2026".daily_delivery') == []


def test_views_made_twice_are_the_same() -> None:
    """Same definitions, same columns, same rows, no error."""
    query = "select view_name, sql from duckdb_views() where schema_name = 'comms'"
    with warehouse([sample("message_list"), sample("push_list_0")]) as db:
        before = (records(db, query), operations_of(db))
        make_views(db)
        assert (records(db, query), operations_of(db)) == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_columns_that_no_view_knows_are_ignored(when: str) -> None:
    """A new counter of the API becomes a column of its table, and no view breaks or changes."""
    added = "alter table comms.message_operations add column expired bigint default 7"
    with warehouse() as plain:
        put(plain, [sample("message_single")])
        expected = operations_of(plain)
    with empty_tables() as db:
        if when == "before":
            db.execute(added)
        make_views(db)
        if when == "after":
            db.execute(added)
        put(db, [sample("message_single")])
        assert operations_of(db) == expected
