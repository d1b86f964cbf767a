"""All tables of the dataset. Pure."""

from __future__ import annotations

from comms_source.channels import CHANNELS
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.tables.history import history_table
from comms_source.tables.operations import operations_table
from comms_source.tables.specs import TableSpec


def all_tables() -> list[TableSpec]:
    """The operations and the history of each channel, then the bookkeeping."""
    channels = CHANNELS.values()
    return [
        *(operations_table(channel) for channel in channels),
        *(history_table(channel) for channel in channels),
        *BOOKKEEPING,
    ]
