"""Statements that plant what dbt should find."""

from __future__ import annotations

from typing import Final

TWICE: Final = (
    "insert into comms.message_operations select * from comms.message_operations "
    "where id = (select max(id) from comms.message_operations)"
)
"""A message operation is stored twice."""

ODDITIES: Final = (
    "update comms.coverage set read_at = read_at - interval '150 hours' where rows_read > 0",
    "update comms.coverage set read_at = read_at - interval '20 hours'",
    "update comms.runs set outcome = 'failed'",
    (
        "update comms.message_operations set status = 'PAUSED' "
        "where id = (select max(id) from comms.message_operations)"
    ),
    "delete from comms.email_operations where id = (select max(id) from comms.email_operations)",
    "insert into comms.operation_labels values ('default', 'gone', 'campaign', 'spring')",
    (
        "insert into comms.rejected_operations (row_key, account, channel, reason, raw, synced_at, "
        "_dlt_load_id) values ('x', 'default', 'emails', 'not JSON', '{', current_timestamp, 'x')"
    ),
    (
        "update comms.operation_details set outcome = 'expired', created_at = current_timestamp "
        "where operation_id = (select max(operation_id) from comms.operation_details)"
    ),
)
"""All that a person should look at, and that is no alarm."""


def found_gap(*, days: int) -> str:
    """The two hours before the first that was read, found to be lost so many days ago."""
    return (
        "insert into comms.gaps "
        "(account, channel, gap_start, gap_end, found_at, reason, _dlt_load_id) "
        "select 'default', 'emails', min(window_start) - interval '2 hours', min(window_start), "
        f"current_timestamp - interval '{days} days', 'never read', 'x' "
        "from comms.coverage where channel = 'emails' and is_complete"
    )


def forget_readings(*, days: int) -> str:
    """As if emails had not been read in the last days."""
    return (
        "delete from comms.coverage where channel = 'emails' "
        f"and window_start > current_timestamp - interval '{days} days'"
    )
