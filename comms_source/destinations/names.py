"""The names of destinations and datasets: which there are, and how they end up."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any, Final

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
)
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException

from comms_source.config.explain import explained
from comms_source.config.unread import DESTINATIONS
from comms_source.destinations.dlt_errors import root_message
from comms_source.destinations.dlt_internals import with_dataset_name
from comms_source.destinations.duckdb_file import duckdb_path
from comms_source.errors import ConfigurationError

_OWN_EXTRAS: Final = {"postgres": "comms-source[postgres]"}
"""The extras of ours that install a destination's packages; others are dlt's."""


def check_known(destination: str) -> None:
    """Check that dlt has a destination of that name, or the configuration describes one.

    Raises:
        ConfigurationError: if not, with the destination that was probably meant; or if its packages
            are not installed.
    """
    try:
        factory: Any = Destination.from_reference(destination)
        factory.capabilities()
    except ImportError as error:
        raise _not_installed(destination, error) from None
    except (DestinationException, ValueError):
        raise ConfigurationError(_unknown(destination)) from None


def check_installed(destination: str) -> None:
    """Check that the packages of a known destination are installed.

    Raises:
        ConfigurationError: if not, with the command that installs them.
    """
    factory: Any = Destination.from_reference(destination)
    try:
        _ = factory.client_class  # Imports them.
    except ImportError as error:
        raise _not_installed(destination, error) from None


def _not_installed(destination: str, error: ImportError) -> ConfigurationError:
    extra = _OWN_EXTRAS.get(destination, f"dlt[{destination}]")
    package = f"the package {error.name}" if error.name else "a package"
    return ConfigurationError(
        f"destination: {destination} needs {package}, which is not installed; pip install '{extra}'"
    )


def _unknown(destination: str) -> str:
    near = get_close_matches(destination.lower(), sorted(DESTINATIONS), n=1)
    meant = f"did you mean {near[0]}?" if near else f"dlt has {', '.join(sorted(DESTINATIONS))}"
    return (
        f"destination: there is none called {destination!r}; {meant} (a name of your own needs "
        f"destination_type in [destination.{destination}])"
    )


def configuration_of(destination: str, *, dataset: str, pipeline: str) -> Any:
    """The configuration of a destination, as dlt resolves it.

    Args:
        destination: The destination.
        dataset: The dataset to load into.
        pipeline: The name that a DuckDB file has if there is no setting for it.

    Raises:
        ConfigurationError: if a setting is wrong.
        ConfigFieldMissingException: if one is missing.
    """
    factory: Any = Destination.from_reference(destination)
    initial: Any = factory.spec()
    if hasattr(initial, "pipeline_name"):
        initial.pipeline_name = pipeline
        initial.local_dir = local_dir()
    try:
        return factory.configuration(with_dataset_name(initial, dataset))
    except ConfigFieldMissingException:
        raise
    except ImportError as error:
        raise _not_installed(destination, error) from None
    except TypeError:  # dlt's, of a text where it can take fields only
        raise ConfigurationError(
            f"destination.{destination}.credentials: they cannot be one text; set each of them, in "
            f"[destination.{destination}.credentials] of .dlt/secrets.toml, for example"
        ) from None
    except ConfigurationException as error:
        raise explained(error, section=f"destination.{destination}") from None
    except DestinationException as error:  # Such as for a database in memory.
        raise ConfigurationError(f"destination.{destination}: {root_message(error)}") from None


def local_dir() -> str:
    """The folder that relative paths in a destination's settings start from, as it is now."""
    return os.path.abspath(dlt.current.run_context().local_dir)  # noqa: PTH100


def name_of_dataset(destination: str, *, dataset: str, pipeline: str) -> str:
    """What the destination calls the dataset; two spellings of one name are one dataset.

    Raises:
        ConfigurationError: if DuckDB could not tell it from the database, or a setting is wrong.
    """
    configuration = configuration_of(destination, dataset=dataset, pipeline=pipeline)
    factory: Any = Destination.from_reference(destination)
    with Container().injectable_context(factory.capabilities()):
        naming = dlt.Schema("comms_source").naming
    if getattr(configuration, "enable_dataset_name_normalization", False):
        dataset = naming.normalize_table_identifier(dataset)
    _check_distinct(dataset, configuration)
    return dataset


def _check_distinct(dataset: str, configuration: Any) -> None:
    database = _name_of_database(configuration.credentials)
    layout = getattr(configuration, "staging_dataset_name_layout", "%s")
    names = {dataset.lower(), layout.replace("%s", dataset).lower()}
    if database and database.lower() in names:
        raise ConfigurationError(
            f"dataset: DuckDB calls the database {database!r}, and could not tell that from "
            f"the dataset {dataset!r} and its staging dataset; choose another --dataset "
            "(dataset_name), or another database in the destination's credentials"
        )


def _name_of_database(credentials: Any) -> str | None:
    """What DuckDB calls the database in `db.schema.table`; None if that is not DuckDB."""
    if file := duckdb_path(credentials):
        return file.name.partition(".")[0]
    if lake := getattr(credentials, "ducklake_name", None):
        return str(lake)
    drivername = getattr(credentials, "drivername", None)
    return str(credentials.database) if drivername == "md" else None
