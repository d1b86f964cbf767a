"""What a destination can do with rows that it has already, told by its capabilities."""

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
"""The setting that says in which format a lake keeps its tables; dlt has none of its own."""

_LIBRARIES: Final = {"delta": "deltalake", "iceberg": "pyiceberg"}
"""What reads and merges tables in folders; an engine that has such tables needs none of them."""

Histories = Literal["scd2", "merged", "none"]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a destination can do."""

    strategies: Sequence[str] | None
    """How it merges, by dlt's names; None where nobody knows, as where there is no pipeline."""
    table_format: TTableFormat | None
    """The format that its tables are to have; None: its own."""

    @property
    def histories(self) -> Histories:
        """How histories are kept: by dlt's scd2, merged as worked out beforehand, or not at all."""
        if self.strategies is None or "scd2" in self.strategies:
            return "scd2"
        return "merged" if self.table_format and "upsert" in self.strategies else "none"

    def check_merging(self) -> None:
        """Refuse a destination that keeps all it is given.

        Raises:
            ConfigurationError: if rows that are read again would be there twice.
        """
        if self.strategies is None or self.strategies:
            return
        raise ConfigurationError(
            "destination: it keeps plain files, in which an operation that is read again would be "
            'there twice. Set table_format = "delta" (or "iceberg") in [sources.comms_source], '
            "or SOURCES__COMMS_SOURCE__TABLE_FORMAT=delta, with pip install 'comms-source[lake]'; "
            "or load into ducklake, duckdb or a database"
        )

    def check_installed(self) -> None:
        """Look whether what merges the tables is there.

        Raises:
            ConfigurationError: if it is not.
        """
        library = _LIBRARIES.get(self.table_format or "")
        if self.histories == "merged" and library and not find_spec(library):
            raise ConfigurationError(
                f"table_format: {self.table_format} tables need {library}, which is not installed; "
                "pip install 'comms-source[lake]'"
            )


def abilities(capabilities: DestinationCapabilitiesContext) -> Abilities:
    """What a destination with these capabilities can do, with the table format that is set.

    Raises:
        ConfigurationError: if it has no tables of that format.
    """
    chosen: Any = dlt.config.get(TABLE_FORMAT, str) or capabilities.preferred_table_format
    offered = capabilities.supported_table_formats or ()
    if chosen and chosen not in offered:
        raise ConfigurationError(
            f"table_format: the destination has no {chosen!r} tables, "
            + (f"but {' and '.join(offered)}" if offered else "so leave the setting out")
        )
    return Abilities(_strategies(capabilities, chosen), chosen)


def abilities_here() -> Abilities:
    """What the destination of the load package that is being extracted can do, if there is one.

    Raises:
        ConfigurationError: if it has no tables of the format that is set.
    """
    container = Container()
    if DestinationCapabilitiesContext not in container:
        return Abilities(strategies=None, table_format=None)
    return abilities(container[DestinationCapabilitiesContext])


def _strategies(
    capabilities: DestinationCapabilitiesContext, table_format: str | None
) -> Sequence[str] | None:
    supported: Sequence[str] | None = capabilities.supported_merge_strategies
    selects: Any = capabilities.merge_strategies_selector
    if supported is not None and selects is not None:
        supported = selects(supported, table_schema={"table_format": table_format})
    return supported
