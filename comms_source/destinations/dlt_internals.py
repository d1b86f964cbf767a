"""What this project uses of dlt beyond its documented interface, all in one file.

Written for dlt 1.31: the names, and what the functions rely on, are to be checked with each new
version. A test holds that no other file imports these parts of dlt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

import dlt
from dlt.common.destination.client import SupportsOpenTables, WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.libs.pyarrow import columns_to_arrow, py_arrow_to_table_schema_columns
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.schema.utils import new_table
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.storages.load_package import (
    PackageStorage,
    ParsedLoadJobFileName,
    commit_load_package_state,
    load_package_state,
)
from dlt.destinations.impl.duckdb.sql_client import WithTableScanners
from dlt.destinations.job_client_impl import SqlJobClientBase, SqlJobClientWithStagingDataset
from dlt.extract.utils import wrap_parallel_iterator
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

__all__ = [
    "PackageJobs",
    "SupportsOpenTables",
    "columns_to_arrow",
    "commit_load_package_state",
    "current_package",
    "get_dlt_pipelines_dir",
    "has_sql_tables",
    "has_staging",
    "is_lake",
    "keeps_state",
    "last_extracted",
    "new_table",
    "py_arrow_to_table_schema_columns",
    "stored_pipeline_state",
    "with_dataset_name",
    "wrap_parallel_iterator",
]

_FOLLOWING: Final = frozenset({"sql", "reference"})
"""The formats of jobs that work on what others have staged."""


def is_lake(sql_client: Any) -> bool:
    """Whether tables are files that DuckDB scans, in which single rows cannot be changed."""
    return isinstance(sql_client, WithTableScanners)


def keeps_state(client: Any) -> bool:
    """Whether the destination keeps the state of pipelines."""
    return isinstance(client, WithStateSync)


def has_sql_tables(client: Any) -> TypeGuard[SqlJobClientBase]:
    """Whether the destination has tables whose columns can be asked for."""
    return isinstance(client, SqlJobClientBase)


def has_staging(client: Any) -> TypeGuard[SqlJobClientWithStagingDataset]:
    """Whether rows go to a staging dataset first."""
    return isinstance(client, SqlJobClientWithStagingDataset)


def stored_pipeline_state(pipeline: dlt.Pipeline, client: Any) -> Mapping[str, Any] | None:
    """The pipeline's state as of its last complete load; None if the destination has none."""
    try:
        state: Any = load_pipeline_state_from_destination(pipeline.pipeline_name, client)
    except DestinationUndefinedEntity:
        return None
    found: Mapping[str, Any] | None = state
    return found


def last_extracted(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the local state as it was last extracted; None before the first load."""
    state: Any = pipeline.state
    found: str | None = state["_local"].get("_last_extracted_hash")
    return found


def current_package() -> Any | None:
    """The load package that is being extracted: `load_id` and `state`; None without a pipeline."""
    try:
        return load_package_state()
    except CurrentLoadPackageStateNotAvailable:
        return None


def with_dataset_name(configuration: Any, dataset: str) -> Any:
    """The configuration of a destination, with the dataset's name where it has one."""
    if hasattr(configuration, "_bind_dataset_name"):
        return configuration._bind_dataset_name(dataset)  # noqa: SLF001 - there is no other way
    return configuration


class PackageJobs:
    """The job files of a load package that is being loaded.

    dlt moves a job's file from folder to folder as the job is started and completed, and notes in
    another folder what a job came to before it moves the file.
    """

    def __init__(self, pipeline: dlt.Pipeline, load_id: str) -> None:
        """The jobs of one of the pipeline's normalized packages."""
        self._package = Path(pipeline.working_dir) / "load" / "normalized" / load_id

    def tables_in_doubt(self) -> set[str]:
        """Tables with a staging job that was started, and that dlt has not noted as done."""
        noted = self._package / PackageStorage.PENDING_TRANSITIONS_FOLDER
        started = self._staging(PackageStorage.STARTED_JOBS_FOLDER)
        return {table for table, job in started if not (noted / job.name).exists()}

    def run_again(self, table: str) -> None:
        """Have the staging jobs of a table that were done be done again."""
        for name, job in list(self._staging(PackageStorage.COMPLETED_JOBS_FOLDER)):
            if name == table:
                job.rename(self._package / PackageStorage.NEW_JOBS_FOLDER / job.name)
        for name, job in list(self._staging(PackageStorage.PENDING_TRANSITIONS_FOLDER)):
            if name == table:
                job.unlink()

    def _staging(self, folder: str) -> Iterator[tuple[str, Path]]:
        for job in (self._package / folder).glob("*"):
            parsed = ParsedLoadJobFileName.parse(job.name)
            if parsed.file_format not in _FOLLOWING and not parsed.table_name.startswith("_dlt"):
                yield parsed.table_name, job
