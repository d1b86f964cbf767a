"""The SQL views, fitted to the destination and made there.

Where nothing has changed since they were last made, which is the rule, a run leaves them alone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dlt.destinations.exceptions import DatabaseException, DatabaseTerminalException

from comms_source.view_files import read_views, sql_files
from comms_source.view_settings import ViewSettings
from comms_source.view_statements import ViewStatements, view_statements

if TYPE_CHECKING:
    import dlt

logger = logging.getLogger("comms_source")

MADE: Final = "comms_views"
"""A file in the pipeline's working folder; it tells which views were made last."""


def refresh_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Make the views unless these very ones are there; return their names."""
    made = Path(pipeline.working_dir) / MADE
    digest, *names = (made.read_text().split() if made.exists() else []) or [""]
    if digest == _digest(pipeline, settings) and set(names) <= _present(pipeline):
        return names
    try:
        return create_views(pipeline, settings=settings)
    except DatabaseTerminalException as error:
        # The rows are there, and a view of somebody's on top of ours must not fail the run.
        logger.warning("the views stay as they were, comms views says more: %s", error)
        return sorted(_present(pipeline) & {view.name for view in read_views()})


def create_views(pipeline: dlt.Pipeline, *, settings: ViewSettings) -> list[str]:
    """Make, or make again, all views in the pipeline's dataset; return their names.

    The tables must be there, which they are after the first load.
    """
    with pipeline.sql_client() as client:
        statements = view_statements(
            dialect=client.capabilities.sqlglot_dialect or "duckdb",
            dataset=client.dataset_name,
            settings=settings,
        )
        creating = [view.create for view in statements]
        try:
            with _together(client):
                client.execute_many(creating)
        except DatabaseTerminalException as error:
            # PostgreSQL, for one, does not replace a view by one with other columns.
            logger.info("the views are dropped and made anew: %s", error)
            with _together(client):
                client.execute_many([view.drop for view in reversed(statements)] + creating)
        _comment(client, statements)
    names = [view.name for view in statements]
    made = Path(pipeline.working_dir) / MADE
    made.write_text("\n".join([_digest(pipeline, settings), *names]))
    return names


def _together(client: Any) -> AbstractContextManager[Any]:
    """All or nothing, where views can be made so; and faster."""
    transacting = client.capabilities.supports_ddl_transactions
    return client.begin_transaction() if transacting else nullcontext()


def _comment(client: Any, statements: Sequence[ViewStatements]) -> None:
    try:
        with _together(client):
            client.execute_many([comment for view in statements for comment in view.comments])
    except DatabaseTerminalException as error:
        logger.info("the views get no comments here: %s", error)


def _digest(pipeline: dlt.Pipeline, settings: ViewSettings) -> str:
    """Changes with whatever the views are made from."""
    files = [path.read_bytes() for path in sql_files()]
    names = ("view_statements.py", "view_dialects.py")
    code = [(Path(__file__).parent / name).read_bytes() for name in names]
    place = f"{pipeline.dataset_name} {settings}".encode()
    return hashlib.sha256(b"\0".join([*files, *code, place])).hexdigest()


def _present(pipeline: dlt.Pipeline) -> set[str]:
    """The views of the dataset, as the destination tells; none where it does not."""
    query = "select table_name from information_schema.views where lower(table_schema) = %s"
    try:
        with pipeline.sql_client() as client:
            rows = client.execute_sql(query, client.dataset_name.lower()) or []
    except DatabaseException:
        return set()
    return {str(name).lower() for (name,) in rows}
