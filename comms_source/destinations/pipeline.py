"""Where the commands load to: one dlt pipeline, and what to say when its destination refuses.

A pipeline keeps a working folder with its schema, its state and what a dead run left behind. By its
name alone two folders, or two databases, would share it; here each destination gets its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import dlt
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException
from dlt.common.pipeline import get_dlt_pipelines_dir

from comms_source.destinations.capabilities import abilities
from comms_source.destinations.dlt_errors import _root, explained
from comms_source.destinations.duckdb_file import _duckdb_file, _require_folder
from comms_source.destinations.lanes import Lane, pipeline_name
from comms_source.destinations.locks import alone_in
from comms_source.errors import (
    ConfigurationError,
)

PIPELINE: Final = "twilio_comms"
"""Names the pipeline, and with it the DuckDB file. DuckDB calls a database as its file is called,
and that must not be the dataset's name: `comms.operations` could then mean either."""

DATASET: Final = "comms"
DESTINATION: Final = "duckdb"


def open_pipeline(
    *,
    destination: str | None = None,
    dataset: str | None = None,
    name: str = PIPELINE,
    lane: Lane | None = None,
) -> dlt.Pipeline:
    """The pipeline of the commands, or that of a lane; nothing is connected yet.

    Args:
        destination: A dlt destination; by default dlt's `destination_type` setting, or DuckDB.
        dataset: The schema to load into; by default dlt's `dataset_name` setting, or `comms`.
        name: The pipeline's name, which is also that of a DuckDB file not configured otherwise.
        lane: Who works beside others, with a state and a staging dataset of its own.

    Raises:
        ConfigurationError: if the destination does not exist or lacks settings, or if what dlt
            keeps between runs can be kept nowhere.
    """
    destination = destination or dlt.config.get("destination_type", str) or DESTINATION
    dataset = dataset or dlt.config.get("dataset_name", str) or DATASET
    with explained():
        _check_known(destination)
        _check_merging(destination)
        folder = working_folder(_location(destination, dataset, name))
        own_name = pipeline_name(name, lane)
        with alone_in(folder / own_name):
            return dlt.pipeline(
                pipeline_name=own_name,
                destination=_shared(destination, name, lane) if lane else destination,
                dataset_name=dataset,
                pipelines_dir=str(folder),
            )


def _shared(destination: str, name: str, lane: Lane) -> Any:
    """The destination as it is without the lane, but for where the lane's rows are staged."""
    given = {"pipeline_name": name, "staging_dataset_name_layout": lane.staging}
    known: Any = Destination.from_reference(destination)
    fitting = {key: value for key, value in given.items() if hasattr(known.spec, key)}
    return Destination.from_reference(destination, **fitting)


def working_folder(location: str) -> Path:
    """The folder for what dlt keeps between two runs into one place."""
    digest = hashlib.sha256(location.encode()).hexdigest()[:12]
    return Path(get_dlt_pipelines_dir()) / "comms_source" / digest


def place(pipeline: dlt.Pipeline) -> str:
    """The destination as people know it: its kind and where it is, without credentials."""
    config = pipeline.destination_client().config
    location = str(config).partition("://")[2].replace("//", "/", 1)
    return f"{pipeline.destination.destination_name} {location}".strip()


def reach(pipeline: dlt.Pipeline) -> bool:
    """Connect to the destination once, and say whether the dataset is there.

    Raises:
        PipelineBusy: if another process holds the DuckDB file.
        LoadFailed: if the destination does not let this machine in.
    """
    with explained(), connected(pipeline) as client:
        return client is not None


@contextmanager
def connected(pipeline: dlt.Pipeline) -> Iterator[Any]:
    """Dlt's client of the destination, connected; None where the dataset is not there yet.

    A DuckDB file that does not exist is not made by asking for it.

    Raises:
        LoadFailed: if there can be no DuckDB file.
    """
    client = pipeline.destination_client()
    file = _duckdb_file(client.config.credentials)
    if file is not None and not file.exists():
        _require_folder(file)
        yield None
        return
    with client:
        yield client if client.is_storage_initialized() else None


def _check_known(destination: str) -> None:
    try:
        Destination.from_reference(destination)
    except (DestinationException, ValueError, ImportError) as error:
        raise ConfigurationError(
            f"destination: dlt cannot load into {destination!r} ({_root(error)}); install it with "
            f"pip install 'dlt[{destination}]', or name another"
        ) from None


def _check_merging(destination: str) -> None:
    """Refuse what would keep each row anew that is read again, before anything is asked for."""
    known: Any = Destination.from_reference(destination)
    able = abilities(known.capabilities())
    able.check_merging()
    able.check_installed()


def _location(destination: str, dataset: str, name: str) -> str:
    factory: Any = Destination.from_reference(destination)
    initial: Any = factory.spec()
    if hasattr(initial, "pipeline_name"):
        initial.pipeline_name = name
        initial.local_dir = os.path.abspath(dlt.current.run_context().local_dir)  # noqa: PTH100
    if hasattr(initial, "_bind_dataset_name"):
        initial = initial._bind_dataset_name(dataset)  # noqa: SLF001 - dlt offers no other way
    return f"{destination}|{dataset}|{factory.configuration(initial)}"
