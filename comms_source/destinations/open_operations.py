"""The open operations in the warehouse, which may have to be requested by id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from comms_source.channels import Channel
from comms_source.coverage.open_operations import OpenOperation
from comms_source.destinations.queries import ask
from comms_source.tables.bookkeeping import FOLLOWED
from comms_source.timespans import parse_instant

_QUERY: Final = """
select id, created_at, synced_at
from {operations} as operations
where account = %s
    and created_at < %s
    and status in ('SCHEDULED', 'PROCESSING')
    and id not in (
        select operation_id from {followed}
        where account = %s and channel = %s and outcome = 'not_found'
    )
"""


def open_operations(
    client: Any, *, channel: Channel, account: str, before: datetime
) -> Sequence[OpenOperation]:
    """The open operations of one channel and account that were created before an instant.

    Without those that the API no longer has; empty before the first load.

    Args:
        client: dlt's SQL client of the destination, connected.
        channel: The channel.
        account: The label of the account.
        before: The instant.
    """
    values = (account, before, account, channel.name)
    found = ask(client, _QUERY, *values, operations=channel.table, followed=FOLLOWED.name)
    return [OpenOperation(row[0], parse_instant(row[1]), parse_instant(row[2])) for row in found]
