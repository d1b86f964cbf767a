"""Create the SQL views in the destination.

If nothing has changed since they were last created, which is the rule, a run does not touch them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.destinations.exceptions import (
    DatabaseException,
    DatabaseTerminalException,
    DatabaseUndefinedRelation,
)

from comms_source.destinations.dlt_internals import has_sql_tables, is_lake
from comms_source.destinations.postgres import postgres_credentials
from comms_source.errors import ConfigurationError, LoadFailed
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.views.dialects import DIALECTS
from comms_source.views.files import read_views, source_files, view_names
from comms_source.views.macros import Columns, documented_columns, has_details
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import ViewStatements, table_comments, view_statements

logger = logging.getLogger("comms_source")

MADE: Final = "views.txt"
"""A file in the pipelines' folder: a digest of the latest views, and the names of those created."""


@contextmanager
def view_client(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> Iterator[Any]:
    """A SQL client that can query the views.

    A lake cannot hold views. There the client is an in-memory DuckDB that reads the lake's tables,
    and the views are created in it first.

    Raises:
        ConfigurationError: if the views are not written for the destination.
    """
    with pipeline.sql_client() as client:
        if is_lake(client):
            columns = table_columns(pipeline.destination_client())
            for view in view_statements(**_place(client), settings=settings, columns=columns):
                client.execute_sql(view.create)
        elif why := _why_not_written(client):
            raise ConfigurationError(f"views: {why}")
        yield client


def table_columns(client: Any) -> Columns:
    """The columns of the tables of operations, and of those of details that exist.

    The documented counters are included. A new counter of the API has a column that is not
    documented. The destination is queried, because the pipeline of another account may have added
    the column, or the details.

    Args:
        client: dlt's client of the destination, connected.
    """
    documented = documented_columns()
    operations = {table for table, _ in documented}
    details = {spec.name for spec in DETAIL_TABLES}
    stored: Iterable[tuple[str, Iterable[str]]] = ()
    if has_sql_tables(client):
        stored, in_schema = client.get_storage_tables(sorted(operations | details)), operations
    else:
        # In a lake a table is a folder, and only the pipeline's schema has its columns.
        in_schema = operations | details
    tables = client.schema.tables
    known = [(table, tables.get(table, {}).get("columns", ())) for table in sorted(in_schema)]
    return documented | {(table, name) for table, names in (*known, *stored) for name in names}


def refresh_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Create the views unless they are up to date; return their names.

    A lake gets none. A view that the destination refuses stays as it was, and a warning is logged.
    The rows are loaded by then, and a user's view that reads one of ours must not fail the run.

    Raises:
        LoadFailed: if the connection to PostgreSQL is lost.
    """
    with pipeline.destination_client() as client:
        if _why_no_views(client):
            return []
        views = _views(pipeline, client, settings)
        current = views.current()
        if set(current) == view_names(details=views.details):
            return current  # Before anything is parsed, which is the slowest step.
        names = views.names
        try:
            problem = views.create(current=current)
        except DatabaseException as error:
            problem = str(error)
        if not problem:
            return names
        logger.warning("not all views could be created, the next load tries again: %s", problem)
        return views.existing(names)


def create_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Create or replace all views in the pipeline's dataset; return their names.

    The tables must exist, which they do after the first load.

    Raises:
        ConfigurationError: if the destination cannot hold views.
        LoadFailed: if some views stay as they were on PostgreSQL; the message names them, the
            reason, and what to do.
    """
    with pipeline.destination_client() as client:
        if why := _why_no_views(client):
            raise ConfigurationError(f"views: {why}")
        views = _views(pipeline, client, settings)
        problem = views.create(current=())
    if problem:
        raise LoadFailed(f"not all views could be created: {problem}")
    return views.names


def _views(pipeline: dlt.Pipeline, client: Any, settings: ViewSettings) -> _Views:
    return _Views(pipeline, client.sql_client, settings, table_columns(client))


def _why_no_views(client: Any) -> str | None:
    """Why a destination gets no views; None if it does."""
    if not has_sql_tables(client):
        return (
            "a lake holds tables only; comms report creates the views for itself, and "
            "docs/destinations.md shows how to create them in a DuckDB file of your own"
        )
    return _why_not_written(client.sql_client)


def _why_not_written(sql_client: Any) -> str | None:
    dialect = sql_client.capabilities.sqlglot_dialect or "duckdb"
    if dialect in DIALECTS:
        return None
    return (
        f"they are not written for {dialect}, which lacks functions that they need; the tables are "
        "loaded all the same, and can be copied into a DuckDB file to report on them"
    )


@dataclass(frozen=True, slots=True)
class _Views:
    """The views of a pipeline's dataset, over one connection."""

    pipeline: dlt.Pipeline
    client: Any
    settings: ViewSettings
    columns: Columns

    @property
    def details(self) -> bool:
        """Whether there are views of details."""
        return has_details(self.columns)

    @property
    def names(self) -> list[str]:
        """The names of the views, each one after the views that it reads."""
        return [view.name for view in read_views(details=self.details)]

    def create(self, *, current: Collection[str]) -> str:
        """Create all views that are not `current`; return which stay as they were, and why."""
        client, place = self.client, _place(self.client)
        statements = view_statements(**place, settings=self.settings, columns=self.columns)
        names, problem = [view.name for view in statements], ""
        if postgres_credentials(self.pipeline):
            from comms_source.views.postgres_views import replace_views  # noqa: PLC0415 - psycopg2

            dataset, connection = place["dataset"], client.native_connection
            result = replace_views(connection, statements, dataset=dataset, current=current)
            names, problem = [name for name in names if name in result.done], str(result)
        else:
            _create_together(client, statements)
        _comment(client, table_comments(**place, details=self.details))
        self._record.parent.mkdir(parents=True, exist_ok=True)
        self._record.write_text("\n".join([self._digest(), *names]))
        return problem

    def current(self) -> list[str]:
        """The existing views that are up to date."""
        record = self._record.read_text() if self._record.exists() else ""
        digest, *names = record.split("\n")
        return self.existing(names) if digest == self._digest() else []

    def existing(self, names: Sequence[str]) -> list[str]:
        """Those of these views that exist; none if the destination cannot be queried."""
        place = _place(self.client)
        query, values = _view_names_query(self.client, place)
        try:
            rows = self.client.execute_sql(query, *values) or []
        except DatabaseException:
            return []
        present = {str(name).lower() for (name,) in rows}
        return [name for name in names if f"{place['prefix']}{name}".lower() in present]

    @property
    def _record(self) -> Path:
        return Path(self.pipeline.pipelines_dir) / f"{self.pipeline.dataset_name}.{MADE}"

    def _digest(self) -> str:
        """A digest of all that the views depend on."""
        code = sorted(Path(__file__).parent.glob("*.py"))
        files = [path.read_bytes() for path in (*source_files(), *code)]
        place = f"{self.pipeline.dataset_name} {self.settings} {sorted(self.columns)}".encode()
        return hashlib.sha256(b"\0".join([*files, place])).hexdigest()


def _create_together(client: Any, statements: Sequence[ViewStatements]) -> None:
    creates = [view.create for view in statements]
    try:
        with _transaction(client):
            client.execute_many(creates)
    except DatabaseTerminalException as error:
        # Some databases cannot replace a view by one with other columns.
        logger.info("the views are dropped and created again: %s", error)
        with _transaction(client):
            client.execute_many([view.drop for view in reversed(statements)] + creates)
    # First the views, then their columns: Snowflake and Redshift document the former only.
    of_views = [comment for view in statements for comment in view.comments[:1]]
    of_columns = [comment for view in statements for comment in view.comments[1:]]
    _comment(client, [of_views, of_columns])


def _comment(client: Any, groups: Sequence[Sequence[str]]) -> None:
    """Execute comments; a group that the destination refuses is left out."""
    for comments in groups:
        try:
            with _transaction(client):
                client.execute_many(comments)
        except _refusals(client) as error:
            logger.info("some tables, views or columns have no comments here: %s", error)


def _refusals(client: Any) -> tuple[type[DatabaseException], ...]:
    """The errors that say that the destination refuses a statement."""
    if client.capabilities.sqlglot_dialect == "snowflake":
        # There dlt takes almost any failure of a statement for a transient one.
        return (DatabaseException,)
    return (DatabaseTerminalException, DatabaseUndefinedRelation)


def _transaction(client: Any) -> AbstractContextManager[Any]:
    """A transaction, which is also faster; nothing where views cannot be created in one."""
    has_transactions = client.capabilities.supports_ddl_transactions
    return client.begin_transaction() if has_transactions else nullcontext()


def _place(client: Any) -> dict[str, Any]:
    """Where dlt puts tables, as the arguments of `view_statements`; some names have a prefix."""
    *catalog, dataset, name = client.make_qualified_table_name_path("views", quote=False)
    return {
        "dialect": client.capabilities.sqlglot_dialect or "duckdb",
        "dataset": dataset,
        "catalog": ".".join(catalog),
        "prefix": name[: -len("views")],
    }


def _view_names_query(client: Any, place: Mapping[str, str]) -> tuple[str, list[str]]:
    """A query for the names of a dataset's views, and its parameters."""
    # BigQuery has one information schema per dataset; the others one per catalog or server.
    per_dataset = place["dialect"] == "bigquery"
    scope = f"{client.fully_qualified_dataset_name()}." if per_dataset else ""
    names = {"table_schema": place["dataset"], "table_catalog": place["catalog"]}
    filters = {column: name.lower() for column, name in names.items() if name}
    conditions = " and ".join(f"lower({column}) = %s" for column in filters)
    query = f"select table_name from {scope}information_schema.views where {conditions}"  # noqa: S608
    return query, list(filters.values())
