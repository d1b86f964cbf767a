"""What a destination can do with existing rows, by dlt's capabilities of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Literal

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.schema.typing import TTableFormat

from comms_source.errors import ConfigurationError

TABLE_FORMAT: Final = "sources.comms_source.table_format"
"""The setting for the table format of a lake; dlt itself has none."""

_LIBRARIES: Final = {"delta": "deltalake", "iceberg": "pyiceberg"}
"""The libraries that read and merge tables in folders; an engine with such tables needs none."""

Histories = Literal["scd2", "merged", "none"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a destination can do."""

    strategies: Sequence[str] | None
    """Its merge strategies, by dlt's names; None if they are unknown, as without a pipeline."""
    table_format: TTableFormat | None
    """The table format to use; None: the destination's own."""

    @property
    def histories(self) -> Histories:
        """How histories are kept: by dlt's scd2, by merging computed rows, or not at all."""
        if self.strategies is None or "scd2" in self.strategies:
            return "scd2"
        return "merged" if self.table_format and "upsert" in self.strategies else "none"

    def check_merging(self) -> None:
        """Check that the destination can merge rows.

        Raises:
            ConfigurationError: if it can only append, so that rows read again would be duplicates.
        """
        if self.strategies is None or self.strategies:
            return
        raise ConfigurationError(
            "destination: it keeps plain files, where an operation that is read again would be a "
            'duplicate. Set table_format = "delta" (or "iceberg") in [sources.comms_source], '
            "or SOURCES__COMMS_SOURCE__TABLE_FORMAT=delta, with pip install 'comms-source[lake]'; "
            "or load into ducklake, duckdb or a database"
        )

    def check_installed(self) -> None:
        """Check that the library that merges the tables is installed.

        Raises:
            ConfigurationError: if it is not.
        """
        library = _LIBRARIES.get(self.table_format or "")
        if self.histories == "merged" and library and not find_spec(library):
            raise ConfigurationError(
                f"table_format: {self.table_format} tables need {library}, which is not installed; "
                "pip install 'comms-source[lake]'"
            )


def capabilities_of(context: DestinationCapabilitiesContext) -> Capabilities:
    """What a destination with dlt's `context` can do, with the configured table format.

    Raises:
        ConfigurationError: if it has no tables of that format.
    """
    chosen: Any = dlt.config.get(TABLE_FORMAT, str) or context.preferred_table_format
    offered = context.supported_table_formats or ()
    if chosen and chosen not in offered:
        raise ConfigurationError(
            f"table_format: the destination has no {chosen!r} tables, "
            + (f"but {' and '.join(offered)}" if offered else "so remove the setting")
        )
    return Capabilities(_strategies(context, chosen), chosen)


def current_capabilities() -> Capabilities:
    """What the destination of the current load package can do; all unknown without a pipeline.

    Raises:
        ConfigurationError: if it has no tables of the configured format.
    """
    container = Container()
    if DestinationCapabilitiesContext not in container:
        return Capabilities(strategies=None, table_format=None)
    return capabilities_of(container[DestinationCapabilitiesContext])


def _strategies(
    context: DestinationCapabilitiesContext, table_format: str | None
) -> Sequence[str] | None:
    supported: Sequence[str] | None = context.supported_merge_strategies
    selects: Any = context.merge_strategies_selector
    if supported is not None and selects is not None:
        supported = selects(supported, table_schema={"table_format": table_format})
    return supported
