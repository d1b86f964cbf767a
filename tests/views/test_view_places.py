"""The catalog, dataset and names of the views."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import sqlglot
from dlt.destinations.exceptions import (
    DatabaseException,
    DatabaseTerminalException,
    DatabaseTransientException,
)
from sqlglot import exp

from comms_source.views.create import _create_together
from comms_source.views.files import public_views
from comms_source.views.statements import view_statements
from tests.views.view_tables import empty_tables, records


def paths(statement: str, dialect: str) -> set[str]:
    """The qualified names of all tables and views in a statement."""
    tree = sqlglot.parse_one(statement, read=dialect)
    inner = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [table for table in tree.find_all(exp.Table) if table.name not in inner]
    return {".".join(part.name for part in table.parts) for table in tables}


@pytest.mark.parametrize("dialect", ["bigquery", "duckdb", "snowflake"])
def test_each_name_has_its_catalog(dialect: str) -> None:
    """The catalog or project of a session can differ from that of the data."""
    for view in view_statements(dialect=dialect, dataset="comms", catalog="my_catalog"):
        found = paths(view.create, dialect)
        assert f"my_catalog.comms.{view.name}" in found
        assert all(path.startswith("my_catalog.comms.") for path in found)
        assert paths(view.drop, dialect) == {f"my_catalog.comms.{view.name}"}
        assert all(f"comms.{view.name}" in each.replace('"', "") for each in view.comments)


def test_a_project_may_have_a_hyphen() -> None:
    """Most have one, so the name must be quoted."""
    (first, *_) = view_statements(dialect="bigquery", dataset="comms", catalog="my-project")
    assert f"`my-project`.`comms`.`{first.name}`" in first.create


@pytest.mark.slow
def test_two_datasets_of_one_schema() -> None:
    """Tables and views of a dataset share a prefix, and columns are still resolved."""
    with empty_tables(":memory:") as db:
        tables = records(db, "select table_name from duckdb_tables() where schema_name = 'comms'")
        for prefix in ("one___", "two___"):
            for table in tables:
                name = table["table_name"]
                db.execute(f"create table main.{prefix}{name} as from comms.{name}")
            for view in view_statements(dialect="duckdb", dataset="main", prefix=prefix):
                db.execute(view.create)
                db.execute(view.comments[0])
        db.execute("drop schema comms cascade")
        for name in [view.name for view in public_views()]:
            assert db.execute(f"from main.one___{name}").fetchall() is not None


class WithoutColumnComments:
    """A destination that supports comments on views, but not on their columns."""

    def __init__(self, dialect: str, error: type[DatabaseException]) -> None:
        self.capabilities = SimpleNamespace(
            supports_ddl_transactions=False, sqlglot_dialect=dialect
        )
        self.error = error
        self.executed: list[str] = []

    def execute_many(self, statements: list[str]) -> None:
        """Execute all statements, or refuse all."""
        if any("on column" in each for each in statements):
            raise self.error(duckdb.ParserException("no columns"))
        self.executed += statements


@pytest.mark.parametrize(
    ("dialect", "error"),
    [("redshift", DatabaseTerminalException), ("snowflake", DatabaseTransientException)],
)
def test_comments_without_support_for_columns(dialect: str, error: type[DatabaseException]) -> None:
    """This is not an error, and the views still get their comments.

    On Snowflake, dlt reports a refused statement as a transient failure.
    """
    client: Any = WithoutColumnComments(dialect, error)
    statements = view_statements(dialect=dialect, dataset="comms")
    _create_together(client, statements)
    created, comments = client.executed[: len(statements)], client.executed[len(statements) :]
    assert created == [view.create for view in statements]
    assert comments == [view.comments[0] for view in statements]
    assert all(each.startswith("comment on view") for each in comments)
