"""What the table `coverage` claims of load packages that were not loaded whole."""

from __future__ import annotations

import logging
from typing import Any, Final

import dlt
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.stored_account import changes_rows
from comms_source.errors import CommsSourceError
from comms_source.tables.bookkeeping import COVERAGE

logger = logging.getLogger("comms_source")

_WITHDRAW: Final = "update {table} set is_complete = false where _dlt_load_id = %s"


def withdraw_claims(pipeline: dlt.Pipeline) -> None:
    """Mark the windows of pending packages as incomplete; log it if the destination refuses.

    Jobs of one package are loaded in parallel, so that of `coverage` may have succeeded where that
    of the operations has not. The next run that loads states the coverage again. Nothing is done in
    lakes, where single rows cannot be changed.
    """
    if not changes_rows(pipeline):
        return
    try:
        with translate_dlt_errors(), pipeline.sql_client() as client:
            for load_id in pipeline.list_normalized_load_packages():
                _withdraw(client, load_id)
    except (CommsSourceError, DatabaseException) as error:
        logger.warning("the coverage that a failed load claims is still there: %s", error)


def _withdraw(client: Any, load_id: str) -> None:
    table = client.make_qualified_table_name(COVERAGE.name)
    try:
        client.execute_sql(_WITHDRAW.format(table=table), load_id)
    except DatabaseUndefinedRelation:
        return  # A first load that failed before the table was created.
