"""What a dead run may have staged: taken back where it would be staged a second time.

Rows go to a staging table, and from there into their own. dlt notes each job when the destination
has committed it, and finishes a dead run's package by doing what is not noted. A run that is killed
between the two stages its rows twice. Operations do not mind, since their merge looks for doubles.
Histories would: `scd2` takes each staged row for a state of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.common.storages.load_package import PackageStorage, ParsedLoadJobFileName
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientWithStagingDataset

_FOLLOWING: Final = frozenset({"sql", "reference"})
"""The formats of jobs that work on what others have staged."""


def take_back(pipeline: dlt.Pipeline) -> None:
    """Empty the staging tables that a dead run was filling, and have all that fills them done anew.

    Of those are only the ones with a job of which nobody knows whether it was done.
    """
    folders = Path(pipeline.working_dir) / "load" / "normalized"
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientWithStagingDataset):
            return
        for load_id in pipeline.list_normalized_load_packages():
            package = folders / load_id
            tables = {_table(job) for job in _unknown(package)}
            _empty(client, tables)
            for table in tables:
                _undo(package, table)


def _unknown(package: Path) -> Iterator[Path]:
    """Jobs that were started, and of which dlt has not noted that they were done."""
    for job in _staging(package / PackageStorage.STARTED_JOBS_FOLDER):
        if not (package / PackageStorage.PENDING_TRANSITIONS_FOLDER / job.name).exists():
            yield job


def _staging(folder: Path) -> Iterator[Path]:
    for job in folder.glob("*"):
        parsed = ParsedLoadJobFileName.parse(job.name)
        if parsed.file_format not in _FOLLOWING and not parsed.table_name.startswith("_dlt"):
            yield job


def _table(job: Path) -> str:
    return ParsedLoadJobFileName.parse(job.name).table_name


def _empty(client: Any, tables: set[str]) -> None:
    with client.with_staging_dataset():
        for table in sorted(tables):
            name = client.sql_client.make_qualified_table_name(table)
            try:
                client.sql_client.execute_sql(f"delete from {name} where 1 = 1")  # noqa: S608
            except DatabaseUndefinedRelation:
                continue


def _undo(package: Path, table: str) -> None:
    """Have the jobs that were done for a table be done again."""
    done = [*_staging(package / PackageStorage.COMPLETED_JOBS_FOLDER)]
    for job in done:
        if _table(job) == table:
            job.rename(package / PackageStorage.NEW_JOBS_FOLDER / job.name)
    for noted in _staging(package / PackageStorage.PENDING_TRANSITIONS_FOLDER):
        if _table(noted) == table:
            noted.unlink()
