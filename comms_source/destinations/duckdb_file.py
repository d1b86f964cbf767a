"""DuckDB files: memory limit, open connection, parallel jobs, and what its errors mean."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
import duckdb

from comms_source.errors import LoadFailed, PipelineBusy

MEGABYTES_PER_THREAD: Final = 72
"""The memory that DuckDB needs for each of its threads, without using disk."""


STORAGE_VERSION: Final = "v1.0.0"
"""The format of a new file, which it keeps. DuckDB 2 would otherwise make files that DuckDB 1, and
the programs built on it, cannot open."""


def create_file(pipeline: dlt.Pipeline) -> None:
    """Create the pipeline's DuckDB file if it has one, and it does not exist yet.

    Raises:
        LoadFailed: if its folder does not exist or cannot be written to.
    """
    file = duckdb_path(pipeline.destination_client().config.credentials)
    if file is not None and not file.exists():
        require_folder(file)
        duckdb.connect(str(file), config={"storage_compatibility_version": STORAGE_VERSION}).close()


@contextmanager
def held_open(pipeline: dlt.Pipeline) -> Iterator[Any]:
    """Keep the DuckDB file of a pipeline open while dlt loads into it; yields the client.

    dlt opens and closes the file for each of its jobs, and each close rewrites the file. DuckDB
    would use most of the machine's memory as a cache; here it gets only as much as it needs for
    full speed, unless `memory_limit` is set in dlt's `global_config`. The settings apply to all
    connections of this process to the file, so they are reset after a load that succeeds.
    """
    with pipeline.sql_client() as client:
        credentials: Any = client.credentials
        unset = {"memory_limit", "threads"} - (credentials.global_config or {}).keys()
        if "memory_limit" in unset:
            megabytes = MEGABYTES_PER_THREAD * max(2, _threads(client))
            client.execute_sql(f"set memory_limit = '{megabytes}MB'")
        yield client
        for setting in sorted(unset):
            client.execute_sql(f"reset {setting}")


def loads_into_file(pipeline: dlt.Pipeline) -> bool:
    """Whether the destination is a DuckDB file on this machine."""
    return duckdb_path(pipeline.destination_client().config.credentials) is not None


def duckdb_path(credentials: Any) -> Path | None:
    """The DuckDB file on this machine; None for any other destination."""
    local = getattr(credentials, "drivername", None) == "duckdb"
    return Path(credentials.database) if local and credentials.database != ":memory:" else None


def require_folder(file: Path) -> None:
    """Check that a DuckDB file can be created.

    Raises:
        LoadFailed: if its folder does not exist or cannot be written to.
    """
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise LoadFailed(
            f"{file} cannot be created: {file.parent} does not exist or is not writable; "
            "create the folder, or set destination.duckdb.credentials to another file"
        )


TRUNCATE_STAGING: Final = "load.truncate_staging_dataset"


MAX_PARALLEL_JOBS: Final = 4
"""More jobs need more memory, and are not faster."""


def share_threads(pipeline: dlt.Pipeline, client: Any) -> int:
    """Divide DuckDB's threads among the jobs that dlt runs at once; return how many jobs.

    A job on one thread takes a third less processor time than on two, and jobs on different tables
    do not wait for each other. `load.workers` sets the number of jobs. If `threads` is set in dlt's
    `global_config`, they are not divided.

    Args:
        pipeline: The pipeline, with packages to load.
        client: The client that `held_open` yields.
    """
    threads = _threads(client)
    files = len(list(Path(pipeline.working_dir).glob("load/normalized/**/*.parquet")))
    most = min(MAX_PARALLEL_JOBS, threads, max(1, files))
    jobs = dlt.config.get("load.workers", int) or most
    if "threads" not in (client.credentials.global_config or {}):
        client.execute_sql(f"set threads = {max(1, threads // jobs)}")
    return jobs


def _threads(client: Any) -> int:
    ((threads,),) = client.execute_sql("select current_setting('threads')")
    return int(threads)


def explain_duckdb(text: str) -> PipelineBusy | LoadFailed | None:
    """What an error of DuckDB's means and what to do; None if it is not known.

    Known are a locked file, files that this DuckDB cannot read, and a missing extension.
    """
    if locked := _LOCK.search(text):
        return PipelineBusy(
            f"the DuckDB file {locked['file']} is in use by another process: {locked['program']} "
            f"(PID {locked['pid']}); close that program, or load again later"
        )
    if missing := _EXTENSION.search(text):
        return LoadFailed(
            f"DuckDB needs its extension {missing['name']!r} for this destination and could not "
            "download it; allow this machine to connect to extensions.duckdb.org once, or install "
            "the extension from PyPI, as described in docs/destinations.md"
        )
    found = next((why for pattern, why in _UNREADABLE.items() if pattern in text), None)
    if found is None:
        return None
    file = _FILE.search(text)
    what = f"the DuckDB file {file[1]}" if file else "the DuckDB file"
    return LoadFailed(f"{what} {found.format(version=duckdb.__version__)}")


_LOCK: Final = re.compile(
    r'lock on file "(?P<file>[^"]+)".*?held in (?P<program>.+?) \(PID (?P<pid>\d+)\)', re.DOTALL
)
_EXTENSION: Final = re.compile(r'Failed to download extension "(?P<name>\w+)"')
_FILE: Final = re.compile(r'file "([^"]+)"')
_OTHER: Final = "set destination.duckdb.credentials to another file"
_UNREADABLE: Final = {
    "not a valid DuckDB database file": f"is not a DuckDB database; delete it, or {_OTHER}",
    "Is a directory": f"is a folder; {_OTHER}",
    "Permission denied": f"may not be opened by this user; change its permissions, or {_OTHER}",
    "Corrupt database file": "is damaged; restore a backup of it, or load into another file",
    "database file with version number": "was written by a version of DuckDB that this one, "
    "{version}, cannot read; pip install --upgrade duckdb, or load into another file",
}
"""What is wrong with a file, by what DuckDB's message contains."""
