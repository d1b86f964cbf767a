"""Create the SQL views in the destination.

If nothing has changed since they were last created, which is the rule, a run does not touch them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dlt.destinations.exceptions import (
    DatabaseException,
    DatabaseTerminalException,
    DatabaseUndefinedRelation,
)
from dlt.destinations.impl.duckdb.sql_client import WithTableScanners
from dlt.destinations.job_client_impl import SqlJobClientBase

from comms_source.destinations.postgres import postgres_credentials
from comms_source.errors import ConfigurationError, LoadFailed
from comms_source.views.files import read_views, source_files, sql_files
from comms_source.views.macros import Columns, documented_columns
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import ViewStatements, table_comments, view_statements

if TYPE_CHECKING:
    import dlt

logger = logging.getLogger("comms_source")

MADE: Final = "views.txt"
"""A file in the pipelines' folder: a digest of the latest views, and the names of those created."""


@contextmanager
def view_client(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> Iterator[Any]:
    """A SQL client that can query the views.

    A lake cannot hold views. There the client is an in-memory DuckDB that reads the lake's tables,
    and the views are created in it first.
    """
    with pipeline.sql_client() as client:
        if isinstance(client, WithTableScanners):
            columns = table_columns(pipeline)
            for view in view_statements(**_place(client), settings=settings, columns=columns):
                client.execute_sql(view.create)
        yield client


def table_columns(pipeline: dlt.Pipeline) -> Columns:
    """The columns of the tables of operations, the documented counters included.

    A new counter of the API has a column that is not documented. The destination is queried,
    because the pipeline of another account may have added the column.
    """
    documented = documented_columns()
    with pipeline.destination_client() as client:
        # In a lake a table is a folder, and only the pipeline's schema has its columns.
        is_sql = isinstance(client, SqlJobClientBase)
        known = client.schema.tables
        stored = dict(client.get_storage_tables(list(documented))) if is_sql else {}  # type: ignore[attr-defined]
    return {
        name: columns
        | frozenset(known.get(name, {}).get("columns", {}))
        | frozenset(stored.get(name, {}))
        for name, columns in documented.items()
    }


def supports_views(pipeline: dlt.Pipeline) -> bool:
    """Whether views can be created in the destination."""
    return not isinstance(pipeline.sql_client(), WithTableScanners)


def refresh_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Create the views unless they are up to date; return their names.

    A lake gets none. A view that the destination refuses stays as it was, and a warning is logged.
    The rows are loaded by then, and a user's view that reads one of ours must not fail the run.

    Raises:
        LoadFailed: if the connection to PostgreSQL is lost.
    """
    if not supports_views(pipeline):
        return []
    current = _current_views(pipeline, settings)
    if set(current) == {file.stem for file in sql_files()}:
        return current  # Before anything is parsed, which is the slowest step.
    names = [view.name for view in read_views()]
    try:
        problem = _create(pipeline, settings=settings, current=current)
    except DatabaseException as error:
        problem = str(error)
    if not problem:
        return names
    logger.warning("not all views could be created, the next load tries again: %s", problem)
    present = _present(pipeline)
    return [name for name in names if name in present]


def create_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Create or replace all views in the pipeline's dataset; return their names.

    The tables must exist, which they do after the first load.

    Raises:
        ConfigurationError: if the destination cannot hold views.
        LoadFailed: if some views stay as they were on PostgreSQL; the message names them, the
            reason, and what to do.
    """
    if not supports_views(pipeline):
        raise ConfigurationError(
            "views: a lake holds tables only; comms report creates the views for itself, and "
            "docs/destinations.md shows how to create them in a DuckDB file of your own"
        )
    problem = _create(pipeline, settings=settings, current=())
    if problem:
        raise LoadFailed(f"not all views could be created: {problem}")
    return [view.name for view in read_views()]


def _create(pipeline: dlt.Pipeline, *, settings: ViewSettings, current: Collection[str]) -> str:
    """Create all views that are not `current`; return which stay as they were, and why."""
    problem = ""
    with pipeline.sql_client() as client:
        place = _place(client)
        columns = table_columns(pipeline)
        statements = view_statements(**place, settings=settings, columns=columns)
        names = [view.name for view in statements]
        if postgres_credentials(pipeline):
            from comms_source.views.postgres_views import replace_views  # noqa: PLC0415 - psycopg2

            connection = client.native_connection
            result = replace_views(
                connection, statements, dataset=place["dataset"], current=current
            )
            names, problem = [name for name in names if name in result.created], str(result)
        else:
            _create_together(client, statements)
        for comments in table_comments(**place):
            try:
                client.execute_many(comments)
            except (DatabaseTerminalException, DatabaseUndefinedRelation) as error:
                logger.info("a table gets no comments here: %s", error)
    record = _record_file(pipeline)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("\n".join([_digest(pipeline, settings), *names]))
    return problem


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
    _comment(client, statements)


def _current_views(pipeline: dlt.Pipeline, settings: ViewSettings) -> list[str]:
    """The existing views that are up to date."""
    record = _record_file(pipeline)
    digest, *names = (record.read_text().split() if record.exists() else []) or [""]
    if digest != _digest(pipeline, settings):
        return []
    present = _present(pipeline)
    return [name for name in names if name in present]


def _record_file(pipeline: dlt.Pipeline) -> Path:
    return Path(pipeline.pipelines_dir) / f"{pipeline.dataset_name}.{MADE}"


def _transaction(client: Any) -> AbstractContextManager[Any]:
    """A transaction, which is also faster; nothing where views cannot be created in one."""
    has_transactions = client.capabilities.supports_ddl_transactions
    return client.begin_transaction() if has_transactions else nullcontext()


def _place(client: Any) -> dict[str, str]:
    """Where dlt puts tables, as the arguments of `view_statements`; some names have a prefix."""
    *catalog, dataset, name = client.make_qualified_table_name_path("views", quote=False)
    return {
        "dialect": client.capabilities.sqlglot_dialect or "duckdb",
        "dataset": dataset,
        "catalog": ".".join(catalog),
        "prefix": name[: -len("views")],
    }


def _comment(client: Any, statements: Sequence[ViewStatements]) -> None:
    """Comment the views, then their columns: Snowflake and Redshift document the former only."""
    on_views = [comment for view in statements for comment in view.comments[:1]]
    on_columns = [comment for view in statements for comment in view.comments[1:]]
    for comments in (on_views, on_columns):
        try:
            with _transaction(client):
                client.execute_many(comments)
        except DatabaseTerminalException as error:
            logger.info("some views or columns have no comments here: %s", error)


def _digest(pipeline: dlt.Pipeline, settings: ViewSettings) -> str:
    """A digest of all that the views depend on."""
    files = [path.read_bytes() for path in source_files()]
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    columns = {table: sorted(names) for table, names in table_columns(pipeline).items()}
    place = f"{pipeline.dataset_name} {settings} {columns}".encode()
    return hashlib.sha256(b"\0".join([*files, *code, place])).hexdigest()


def _present(pipeline: dlt.Pipeline) -> set[str]:
    """The views of the dataset in the destination; none if it cannot be queried."""
    try:
        with pipeline.sql_client() as client:
            place = _place(client)
            query, values = _view_names_query(client, place)
            rows = client.execute_sql(query, *values) or []
    except DatabaseException:
        return set()
    names, prefix = [str(name).lower() for (name,) in rows], place["prefix"].lower()
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


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
