"""`comms views`: create the views over tables that exist, or print their SQL."""

from __future__ import annotations

import dlt

from comms_source.config.accounts import account_names
from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.locks import in_turn
from comms_source.destinations.pipeline import configured_dataset, open_pipeline, require_operations
from comms_source.errors import ConfigurationError
from comms_source.views.create import create_views, refresh_views
from comms_source.views.dialects import DIALECTS
from comms_source.views.macros import detail_columns, documented_columns
from comms_source.views.settings import ViewSettings, view_settings
from comms_source.views.statements import view_statements


def make_views(*, destination: str | None = None, dataset: str | None = None) -> list[str]:
    """Create the SQL views, or replace them; returns their names.

    Args:
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset of the tables; by default the one that is configured, or `comms`.

    Raises:
        ConfigurationError: if a setting is wrong, or the destination has no views.
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    return run_views(any_pipeline(destination=destination, dataset=dataset))


def any_pipeline(
    *, destination: str | None, dataset: str | None, read_only: bool = False
) -> dlt.Pipeline:
    """A pipeline that knows the tables of all accounts: the first account's, if there are several.

    Raises:
        ConfigurationError: if the destination does not exist or lacks settings.
    """
    first = next(iter(account_names()), None)
    return open_pipeline(
        destination=destination, dataset=dataset, account=first, read_only=read_only
    )


def view_sql(dialect: str, *, dataset: str | None = None, details: bool = False) -> list[str]:
    """The statements that would create the views, in the order to run them in.

    Neither the API nor a destination is asked, so counters that are not documented have no column.

    Args:
        dialect: A dialect of SQL that the views are written for.
        dataset: The schema of the tables and views; by default the one that is configured, or
            `comms`.
        details: Whether to include the views of details, whose tables must exist.

    Raises:
        ConfigurationError: if the views are not written for the dialect, or a setting is wrong.
    """
    if dialect not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise ConfigurationError(f"print: no views are written for {dialect!r}; one of {known}")
    columns = documented_columns() | (detail_columns() if details else frozenset())
    views = view_statements(
        dialect=dialect,
        dataset=dataset or configured_dataset(),
        settings=view_settings(),
        columns=columns,
        pretty=True,
    )
    return [statement for view in views for statement in (view.create, *view.comments)]


def run_views(pipeline: dlt.Pipeline) -> list[str]:
    """Create the views in the dataset of `pipeline`, or replace them.

    Raises:
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    retry_while_locked(require_operations)(pipeline)
    settings = view_settings()
    with in_turn(pipeline):
        return retry_while_locked(create_views)(pipeline, settings=settings)


def update_views(pipeline: dlt.Pipeline, settings: ViewSettings) -> list[str]:
    """Create the views unless these very ones exist; returns the names of those that exist.

    Raises:
        RunStopped: if the destination cannot be reached.
    """
    with in_turn(pipeline):
        return retry_while_locked(refresh_views)(pipeline, settings=settings)
