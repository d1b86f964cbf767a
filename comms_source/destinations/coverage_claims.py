"""Corrects the table `coverage` after a load package was not loaded completely."""

from __future__ import annotations

import logging
from typing import Final

import dlt
from dlt.destinations.exceptions import DatabaseException

from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.queries import ask
from comms_source.destinations.stored_account import changes_rows
from comms_source.errors import CommsSourceError
from comms_source.tables.bookkeeping import COVERAGE

logger = logging.getLogger("comms_source")

_WITHDRAW: Final = "update {table} set is_complete = false where _dlt_load_id = %s"


def withdraw_claims(pipeline: dlt.Pipeline) -> None:
    """Mark the windows of pending packages as incomplete; a failure of that is only logged.

    The jobs of a package run in parallel, so the job of `coverage` may have succeeded although that
    of the operations failed. The next load writes the coverage again. In lakes nothing is done,
    since single rows cannot be updated there.
    """
    if not changes_rows(pipeline):
        return
    try:
        with translate_dlt_errors(), pipeline.sql_client() as client:
            for load_id in pipeline.list_normalized_load_packages():
                # A first load may have failed before the table was created.
                ask(client, _WITHDRAW, load_id, table=COVERAGE.name)
    except (CommsSourceError, DatabaseException) as error:
        logger.warning("could not mark the coverage of the failed load as incomplete: %s", error)
