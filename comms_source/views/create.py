"""The SQL views, fitted to the destination and made there.

Where nothing has changed since they were last made, which is the rule, a run leaves them alone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dlt.destinations.exceptions import DatabaseException, DatabaseTerminalException
from dlt.destinations.impl.duckdb.sql_client import WithTableScanners
from dlt.destinations.job_client_impl import SqlJobClientBase

from comms_source.destinations.postgres import postgres_credentials
from comms_source.errors import ConfigurationError, LoadFailed
from comms_source.views.files import read_views, source_files, sql_files
from comms_source.views.macros import Columns, documented_columns
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import ViewStatements, view_statements

if TYPE_CHECKING:
    import dlt

logger = logging.getLogger("comms_source")

MADE: Final = "views.txt"
"""A file in the pipelines' folder; it tells which views were made last, by which account's run."""


@contextmanager
def viewing(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> Iterator[Any]:
    """A client of the destination that finds the views.

    A lake has no place for them: there the client is a DuckDB in memory that reads its tables, in
    which they are made first.
    """
    with pipeline.sql_client() as client:
        if isinstance(client, WithTableScanners):
            columns = table_columns(pipeline)
            for view in view_statements(**_place(client), settings=settings, columns=columns):
                client.execute_sql(view.create)
        yield client


def table_columns(pipeline: dlt.Pipeline) -> Columns:
    """The counters that the tables of operations have columns for.

    A counter that the API began to send has a column that it does not document. The destination is
    asked, since another account's pipeline may have added it.
    """
    documented = documented_columns()
    with pipeline.destination_client() as client:
        # In a lake a table is a folder, and only the pipeline's schema tells its columns.
        asks = isinstance(client, SqlJobClientBase)
        known = client.schema.tables
        stored = dict(client.get_storage_tables(list(documented))) if asks else {}  # type: ignore[attr-defined]
    return {
        name: columns
        | frozenset(known.get(name, {}).get("columns", {}))
        | frozenset(stored.get(name, {}))
        for name, columns in documented.items()
    }


def keeps_views(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination has a place for views."""
    return not isinstance(pipeline.sql_client(), WithTableScanners)


def refresh_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Make the views unless these very ones are there; return their names.

    A lake gets none. A view that the destination does not take is left as it was, with a warning:
    the rows are there, and a view of somebody's on top of ours must not fail the run.

    Raises:
        LoadFailed: if the connection to PostgreSQL is lost.
    """
    if not keeps_views(pipeline):
        return []
    made = _made_before(pipeline, settings)
    if set(made) == {file.stem for file in sql_files()}:
        return made  # Before anything is parsed, which takes longer than all else here.
    names = [view.name for view in read_views()]
    try:
        left = _make(pipeline, settings=settings, made=made)
    except DatabaseException as error:
        left = str(error)
    if not left:
        return names
    logger.warning("not all views could be made, the next load tries again: %s", left)
    present = _present(pipeline)
    return [name for name in names if name in present]


def create_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Make, or make again, all views in the pipeline's dataset; return their names.

    The tables must be there, which they are after the first load.

    Raises:
        ConfigurationError: if the destination has no place for views.
        LoadFailed: if some stay as they were on PostgreSQL; it says which, why, and what to do.
    """
    if not keeps_views(pipeline):
        raise ConfigurationError(
            "views: a lake keeps tables only; comms report makes the views for itself, and "
            "docs/destinations.md says how to have them in a DuckDB file of your own"
        )
    left = _make(pipeline, settings=settings, made=())
    if left:
        raise LoadFailed(f"not all views could be made: {left}")
    return [view.name for view in read_views()]


def _make(pipeline: dlt.Pipeline, *, settings: ViewSettings, made: Collection[str]) -> str:
    """Make the views but those that are `made`; returns which stay as they were, and why."""
    left = ""
    with pipeline.sql_client() as client:
        place = _place(client)
        columns = table_columns(pipeline)
        statements = view_statements(**place, settings=settings, columns=columns)
        names = [view.name for view in statements]
        if postgres_credentials(pipeline):
            from comms_source.views.postgres_views import remake  # noqa: PLC0415 - needs psycopg2

            connection = client.native_connection
            remade = remake(connection, statements, dataset=place["dataset"], made=made)
            names, left = [name for name in names if name in remade.made], str(remade)
        else:
            _make_together(client, statements)
    noted = _noted(pipeline)
    noted.parent.mkdir(parents=True, exist_ok=True)
    noted.write_text("\n".join([_digest(pipeline, settings), *names]))
    return left


def _make_together(client: Any, statements: Sequence[ViewStatements]) -> None:
    creating = [view.create for view in statements]
    try:
        with _together(client):
            client.execute_many(creating)
    except DatabaseTerminalException as error:
        # Not each database replaces a view by one with other columns.
        logger.info("the views are dropped and made again: %s", error)
        with _together(client):
            client.execute_many([view.drop for view in reversed(statements)] + creating)
    _comment(client, statements)


def _made_before(pipeline: dlt.Pipeline, settings: ViewSettings) -> list[str]:
    """The views that are there, made from what they would be made from now."""
    noted = _noted(pipeline)
    digest, *names = (noted.read_text().split() if noted.exists() else []) or [""]
    if digest != _digest(pipeline, settings):
        return []
    present = _present(pipeline)
    return [name for name in names if name in present]


def _noted(pipeline: dlt.Pipeline) -> Path:
    return Path(pipeline.pipelines_dir) / f"{pipeline.dataset_name}.{MADE}"


def _together(client: Any) -> AbstractContextManager[Any]:
    """All or nothing, where views can be made so; and faster."""
    transacting = client.capabilities.supports_ddl_transactions
    return client.begin_transaction() if transacting else nullcontext()


def _place(client: Any) -> dict[str, str]:
    """Where dlt puts tables, as `view_statements` wants it; some give each name a prefix."""
    *catalog, dataset, name = client.make_qualified_table_name_path("views", quote=False)
    return {
        "dialect": client.capabilities.sqlglot_dialect or "duckdb",
        "dataset": dataset,
        "catalog": ".".join(catalog),
        "prefix": name[: -len("views")],
    }


def _comment(client: Any, statements: Sequence[ViewStatements]) -> None:
    """On the views, then on their columns: Snowflake and Redshift document but the former."""
    on_views = [comment for view in statements for comment in view.comments[:1]]
    on_columns = [comment for view in statements for comment in view.comments[1:]]
    for comments in (on_views, on_columns):
        try:
            with _together(client):
                client.execute_many(comments)
        except DatabaseTerminalException as error:
            logger.info("not all views and columns get their comments here: %s", error)


def _digest(pipeline: dlt.Pipeline, settings: ViewSettings) -> str:
    """Changes with whatever the views are made from."""
    files = [path.read_bytes() for path in source_files()]
    code = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    columns = {table: sorted(names) for table, names in table_columns(pipeline).items()}
    place = f"{pipeline.dataset_name} {settings} {columns}".encode()
    return hashlib.sha256(b"\0".join([*files, *code, place])).hexdigest()


def _present(pipeline: dlt.Pipeline) -> set[str]:
    """The views of the dataset, as the destination tells; none where it does not."""
    try:
        with pipeline.sql_client() as client:
            place = _place(client)
            query, values = _query_of_views(client, place)
            rows = client.execute_sql(query, *values) or []
    except DatabaseException:
        return set()
    names, prefix = [str(name).lower() for (name,) in rows], place["prefix"].lower()
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def _query_of_views(client: Any, place: Mapping[str, str]) -> tuple[str, list[str]]:
    """What asks for the names of a dataset's views, and the values to give with it."""
    # BigQuery tells of one dataset at a time; the others of all in a catalog, or in all of them.
    of_dataset = place["dialect"] == "bigquery"
    scope = f"{client.fully_qualified_dataset_name()}." if of_dataset else ""
    within = {"table_schema": place["dataset"], "table_catalog": place["catalog"]}
    given = {column: name.lower() for column, name in within.items() if name}
    conditions = " and ".join(f"lower({column}) = %s" for column in given)
    query = f"select table_name from {scope}information_schema.views where {conditions}"  # noqa: S608
    return query, list(given.values())
