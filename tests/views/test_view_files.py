"""The files of the views, the views created from them, and invalid files."""

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
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.detail_tables import DETAIL_TABLES
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
    WITH_DETAILS,
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
BOOKKEEPING_NAMES: Final = frozenset(spec.name for spec in BOOKKEEPING)
DETAIL_NAMES: Final = frozenset(spec.name for spec in DETAIL_TABLES)


@pytest.mark.slow
def test_the_order_is_always_the_same() -> None:
    """Another process has the same order, although sets are ordered differently."""
    script = (
        "from comms_source.views.files import read_views;"
        "print(*[view.name for view in read_views(details=True)])"
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
        view.name for view in read_views(details=True)
    ]


def test_each_view_follows_the_views_that_it_reads() -> None:
    """The alphabetical order would be wrong."""
    names = [view.name for view in read_views(details=True)]
    for position, view in enumerate(read_views(details=True)):
        assert tables_of(view.sql) & set(names) <= set(names[:position])
    assert sorted(names) == [path.stem for path in sql_files()] != names


@pytest.mark.parametrize("view", read_views(details=True), ids=lambda view: view.name)
def test_layers(view: View) -> None:
    """Only staging reads the tables of operations and of details, and internal views have a prefix.

    Public and intermediate views read views and the bookkeeping tables.
    """
    layers = {path.stem: path.parent.name for path in sql_files()}
    layer = layers[view.name]
    assert layer in LAYERS
    prefixes = {"staging": "stg_", "intermediate": "int_"}
    assert view.name.startswith(prefixes.get(layer, ("",)))
    assert (view in public_views(details=True)) is (layer not in prefixes)
    read = tables_of(view.sql)
    if layer == "staging":
        assert read == OPERATIONS or read <= DETAIL_NAMES
    else:
        assert read <= BOOKKEEPING_NAMES | layers.keys()
    below = {layers[name] for name in read & layers.keys()}
    if layer in prefixes:
        assert below <= prefixes.keys()
    else:
        assert "monitoring" not in below


@pytest.mark.parametrize("view", public_views(details=True), ids=lambda view: view.name)
def test_each_column_is_described(view: View) -> None:
    """A public view has a description, and so has each of its columns."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    assert isinstance(tree, exp.Query)
    assert list(view.columns) == tree.named_selects
    assert view.comment
    assert all(view.columns.values())


def test_columns_toml_has_each_description_once() -> None:
    """Each one is used by a view, and a description that two views share is in it."""
    meanings = column_comments()
    descriptions: dict[tuple[str, str], set[str]] = defaultdict(set)
    for view in public_views(details=True):
        for name, comment in view.columns.items():
            descriptions[name, comment].add(view.name)
    assert meanings.items() <= descriptions.keys()
    twice = {pair for pair, views in descriptions.items() if len(views) > 1}
    assert twice <= meanings.items()


def test_no_long_expression_is_repeated() -> None:
    """An expression longer than a line is in one file; others read that view, or use a macro."""
    files: dict[str, set[str]] = defaultdict(set)
    for view in read_views(details=True):
        for expression in long_expressions(sqlglot.parse_one(view.sql, read="duckdb")):
            files[expression].add(view.name)
    assert len(files) > 40
    assert {expression: names for expression, names in files.items() if len(names) > 1} == {}


def long_expressions(tree: Any) -> Iterator[str]:
    """The columns, conditions, cases and windows of more than 80 characters."""
    expressions: list[Any] = [*tree.find_all(exp.Case, exp.Window, exp.Where)]
    for select in tree.find_all(exp.Select):
        expressions += [each.unalias() for each in select.expressions]
    texts = (each.sql("duckdb", comments=False) for each in expressions)
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
    """To the same as DuckDB's own macros, also if an argument is a sum or another macro."""
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


def test_a_macro_needs_its_arguments() -> None:
    """A call with another number of arguments is refused, and the message names them."""
    tree = sqlglot.parse_one("select point(a)", read="duckdb")
    with pytest.raises(ValueError, match="point takes low, high"):
        expand_macros(tree, macros())


@pytest.mark.slow
def test_duckdb_has_every_comment() -> None:
    """The comments in the database equal the descriptions."""
    with empty_tables() as db:
        for statements in view_statements(dialect="duckdb", dataset="comms", columns=WITH_DETAILS):
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
        view.name: view.comment for view in read_views(details=True)
    }
    assert [tuple(row.values()) for row in of_columns] == [
        (view.name, column, comment)
        for view in sorted(read_views(details=True), key=lambda view: view.name)
        for column, comment in view.columns.items()
    ]


TYPES: Final = (
    ("day|week|month|(first|last)_day", "DATE"),
    ("hour", "TIMESTAMP"),
    ("account|channel|id|.*status|.*_mode|reason|problem|size|.*outcome|extra", "VARCHAR"),
    ("row_key|operation_id|raw|state", "VARCHAR"),
    ("finality|ranking|period|measure|label|setting|tag|decided_by", "VARCHAR"),
    ("sub_channel|sender|sender_id|sender_pool_id|cause|kind|error_url", "VARCHAR"),
    (
        "scheduled_for|complete_up_to|newest_operation|valid_to|valid_from|as_of|.*_at|.*_end",
        "TIMESTAMP WITH TIME ZONE",
    ),
    ("is_.*|was_.*|agrees_.*", "BOOLEAN"),
    (".*_rate(_.*)?|(.*_)?share(_.*)?|.*_hours|hours_.*|.*_age|attempts_per_resource", "DOUBLE"),
    ("age_hours|requested_per_minute_.*|value_.*|previous_value(_.*)?|change|growth", "DOUBLE"),
    ("usual_(?!days).*", "DOUBLE"),
    ("within_minutes|percentile|(?!channel).*_order", "INTEGER"),
)
"""The types by the name of the column; any other column is an integer."""

EXCEPTIONS: Final = {
    ("delivery_trend", "value"): "DOUBLE",
    ("delivery_by_label", "value"): "VARCHAR",
    ("delivery_by_tag", "value"): "VARCHAR",
    ("view_settings", "value"): "VARCHAR",
}
"""Columns whose name has different meanings."""


def test_columns_have_types_to_calculate_with() -> None:
    """Counts are integers, shares and hours are DOUBLE, a day is a DATE; no sum has 128 bits."""
    with warehouse() as db:
        described = records(
            db,
            "select table_name, column_name, data_type from duckdb_columns()"
            " where schema_name = 'comms'",
        )
    types = {(row["table_name"], row["column_name"]): row["data_type"] for row in described}
    for view in public_views(details=True):
        for column in view.columns:
            named = next((kind for name, kind in TYPES if re.fullmatch(name, column)), "BIGINT")
            expected = EXCEPTIONS.get((view.name, column), named)
            found = types[view.name, column]
            assert found == expected, (view.name, column)


def test_a_file_is_parsed() -> None:
    """A column's comment is after it or on the lines above; otherwise it is in columns.toml."""
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
    """Every view and column needs a description; the message names the missing one."""
    assert without in GOOD
    with pytest.raises(ValueError, match=f"things.sql: no comment for {named}"):
        parse_view("things", GOOD.replace(without, ""))


def test_views_that_read_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """There is no order to create them in, and the message names both."""
    for name, other in (("hens", "eggs"), ("eggs", "hens")):
        text = f"-- What comes first.\nselect\n    id  -- an id\nfrom {other}\n"
        (tmp_path / f"{name}.sql").write_text(text)
    monkeypatch.setattr(view_files, "sql_files", lambda: sorted(tmp_path.glob("*.sql")))
    with pytest.raises(ValueError, match=r"(?s)read each other.*(hens.*eggs|eggs.*hens)"):
        read_views.__wrapped__(details=True)


def test_views_need_no_search_path(tmp_path: Path) -> None:
    """After the file is reopened they work from any schema."""
    path = str(tmp_path / "kept.duckdb")
    with warehouse([sample("email_guide")], path=path) as db:
        before = operations_of(db)
    with duckdb.connect(path) as db:
        assert records(db, "select current_schema() as here") == [{"here": "main"}]
        assert operations_of(db) == before
        assert len(records(db, "select * from comms.daily_delivery")) == 1


def test_a_dataset_may_have_any_name() -> None:
    """The name of the schema is quoted if necessary."""
    with empty_tables(schema="Order of 2026") as db:
        make_views(db, schema="Order of 2026")
        assert records(db, 'select * from "Order of 2026".daily_delivery') == []


def test_views_created_twice_are_the_same() -> None:
    """With the same definitions and rows, and without an error."""
    query = "select view_name, sql from duckdb_views() where schema_name = 'comms'"
    with warehouse([sample("message_list"), sample("push_list_0")]) as db:
        before = (records(db, query), operations_of(db))
        make_views(db)
        assert (records(db, query), operations_of(db)) == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_unknown_columns_are_ignored(when: str) -> None:
    """A new counter becomes a column of its table, and no view fails or changes."""
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
