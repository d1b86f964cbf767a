"""The dlt pipeline of the commands, and the connection to its destination.

A pipeline has a working folder with its schema, its state and pending load packages. dlt names it
after the pipeline only, so that two databases would share it; here each destination has its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.common.destination import Destination

from comms_source.channels import CHANNELS
from comms_source.destinations.capabilities import capabilities_of
from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.dlt_internals import get_dlt_pipelines_dir, has_sql_tables
from comms_source.destinations.duckdb_file import duckdb_path, require_folder
from comms_source.destinations.locks import alone_in
from comms_source.destinations.names import (
    check_installed,
    check_known,
    configuration_of,
    local_dir,
    name_of_dataset,
)
from comms_source.errors import NothingLoaded

PIPELINE: Final = "twilio_comms"
"""The name of the pipeline, and so of the DuckDB file. DuckDB names a database after its file, and
that must not be the dataset's name: `comms.operations` would be ambiguous."""

DATASET: Final = "comms"
DESTINATION: Final = "duckdb"
MAX_SUFFIX: Final = 30
"""Characters; PostgreSQL truncates the names of datasets after 63."""


def open_pipeline(
    *,
    destination: str | None = None,
    dataset: str | None = None,
    name: str = PIPELINE,
    account: str | None = None,
    read_only: bool = False,
    file: Path | None = None,
) -> dlt.Pipeline:
    """The pipeline of the commands, or that of one of several accounts; not connected yet.

    Each account has its own pipeline, and so its own state, working folder and staging dataset.
    Accounts share the dataset, and the default DuckDB file.

    Args:
        destination: A dlt destination; by default dlt's `destination_type` setting, or DuckDB.
        dataset: The schema to load into; by default dlt's `dataset_name` setting, or `comms`.
        name: The pipeline's name, which is also that of the default DuckDB file.
        account: Whose pipeline, if the configuration has several accounts.
        read_only: Open a DuckDB file for reading only, beside other programs that read it.
        file: The DuckDB file, wherever the configuration has its own.

    Raises:
        ConfigurationError: if the destination does not exist or lacks settings, or if the working
            folder cannot be created.
    """
    destination = destination or dlt.config.get("destination_type", str) or DESTINATION
    dataset = dataset or configured_dataset()
    with translate_dlt_errors():
        check_known(destination)
        _check_merging(destination)
        check_installed(destination)
        dataset = name_of_dataset(destination, dataset=dataset, pipeline=name)
        folder = working_folder(_location(destination, dataset, name, file))
        suffix = None if account is None else account_suffix(account)
        own_name = f"{name}_{suffix}" if suffix else name
        with alone_in(folder / own_name):
            return dlt.pipeline(
                pipeline_name=own_name,
                destination=_shared(destination, name, suffix, read_only=read_only, file=file),
                dataset_name=dataset,
                pipelines_dir=str(folder),
            )


def account_suffix(account: str) -> str:
    """A name for the account's pipeline and staging dataset: lower-case letters, digits, `_`.

    It is the account's own name if that is valid, else it gets a digest to make it unique.
    """
    readable = re.sub("[^a-z0-9]+", "_", account.lower())[:MAX_SUFFIX].strip("_")
    if readable == account:
        return account
    digest = hashlib.sha256(account.encode()).hexdigest()[:8]
    return f"{readable}_{digest}".lstrip("_")


def _shared(
    destination: str, name: str, suffix: str | None, *, read_only: bool, file: Path | None
) -> Any:
    """The destination that accounts share, with a staging dataset for each."""
    known: Any = Destination.from_reference(destination)
    given: dict[str, Any] = {}
    if suffix:
        own = {"pipeline_name": name, "staging_dataset_name_layout": f"%s_staging_{suffix}"}
        given = {key: value for key, value in own.items() if hasattr(known.spec, key)}
    if read_only and destination == DESTINATION:
        given["credentials"] = {"read_only": True}  # The rest comes from the configuration.
    if file is not None:
        given["credentials"] = {"database": str(file.absolute()), "read_only": read_only}
    shared: Any = Destination.from_reference(destination, **given)
    if hasattr(known.spec, "local_dir"):
        # dlt would resolve relative paths from the folder of the pipeline's first run.
        shared.config_params["local_dir"] = local_dir()
    return shared


def working_folder(location: str) -> Path:
    """The folder for what dlt keeps between runs, for one destination."""
    digest = hashlib.sha256(location.encode()).hexdigest()[:12]
    return Path(get_dlt_pipelines_dir()) / "comms_source" / digest


def describe_destination(pipeline: dlt.Pipeline) -> str:
    """The destination's type and location, without credentials, for messages."""
    config = pipeline.destination_client().config
    location = str(config).partition("://")[2].replace("//", "/", 1)
    return f"{pipeline.destination.destination_name} {location}".strip()


def require_dataset(pipeline: dlt.Pipeline) -> None:
    """Check that there is something to read.

    Raises:
        NothingLoaded: if there is no dataset yet.
        PipelineBusy: if another process has the DuckDB file locked.
        LoadFailed: if the destination cannot be reached, or rejects the login.
    """
    if not dataset_exists(pipeline):
        raise _no_tables(pipeline)


def require_operations(pipeline: dlt.Pipeline) -> None:
    """Check that a load has stored something, since a run that is refused leaves only its record.

    Raises:
        NothingLoaded: if there is no dataset, or no table of operations in it.
        PipelineBusy: if another process has the DuckDB file locked.
        LoadFailed: if the destination cannot be reached, or rejects the login.
    """
    with translate_dlt_errors(), connected(pipeline) as client:
        if client is None:
            raise _no_tables(pipeline)
        if not has_sql_tables(client):
            return  # The tables of a lake are folders, and its reader creates the views.
        tables = [channel.table for channel in CHANNELS.values()]
        if not any(columns for _, columns in client.get_storage_tables(tables)):
            raise NothingLoaded(
                f"{describe_destination(pipeline)} has no operations in {pipeline.dataset_name}, "
                "since no load has succeeded yet; comms status shows how the last one ended"
            )


def _no_tables(pipeline: dlt.Pipeline) -> NothingLoaded:
    return NothingLoaded(
        f"{describe_destination(pipeline)} has no tables in {pipeline.dataset_name} yet; "
        "run comms load first"
    )


def dataset_exists(pipeline: dlt.Pipeline) -> bool:
    """Connect to the destination, and return whether the dataset exists.

    Raises:
        PipelineBusy: if another process has the DuckDB file locked.
        LoadFailed: if the destination cannot be reached, or rejects the login.
    """
    with translate_dlt_errors(), connected(pipeline) as client:
        return client is not None


def configured_dataset() -> str:
    """The dataset that the settings name, else `comms`."""
    return dlt.config.get("dataset_name", str) or DATASET


@contextmanager
def connected(pipeline: dlt.Pipeline) -> Iterator[Any]:
    """Dlt's client of the destination, connected; None if the dataset does not exist yet.

    A DuckDB file that does not exist is not created.

    Raises:
        LoadFailed: if the DuckDB file cannot be created.
    """
    client = pipeline.destination_client()
    credentials: Any = client.config.credentials
    file = duckdb_path(credentials)
    if file is not None and not file.exists():
        if not credentials.read_only:
            require_folder(file)
        yield None
        return
    with client:
        yield client if client.is_storage_initialized() else None


def _check_merging(destination: str) -> None:
    """Reject a destination that cannot merge rows, before any request is sent."""
    known: Any = Destination.from_reference(destination)
    capabilities = capabilities_of(known.capabilities())
    capabilities.check_merging()
    capabilities.check_installed()


def _location(destination: str, dataset: str, name: str, file: Path | None) -> str:
    place = (
        file.absolute() if file else configuration_of(destination, dataset=dataset, pipeline=name)
    )
    return f"{destination}|{dataset}|{place}"
