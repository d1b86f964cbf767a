"""All tables of the dataset. Pure."""

from __future__ import annotations

from comms_source.channels import CHANNELS
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.detail_tables import DETAIL_TABLES
from comms_source.tables.history import history_table
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import TableSpec


def all_tables(*, details: bool) -> list[TableSpec]:
    """The operations and the history of each channel, then the bookkeeping, then the details.

    Args:
        details: Whether there are tables of details: they exist where details were asked for.
    """
    channels = CHANNELS.values()
    return [
        *(operations_table(channel) for channel in channels),
        *(history_table(channel) for channel in channels),
        *BOOKKEEPING,
        *(DETAIL_TABLES if details else ()),
    ]
