"""The totals of each channel, over all days of the view `daily_delivery`."""

from __future__ import annotations

from typing import Any, Final

import dlt

from comms_source.report.data.queries import SUMMED
from comms_source.report.data.sums import Sums
from comms_source.views.create import view_client
from comms_source.views.settings import view_settings

_QUERY: Final = """
select channel, {sums}
from {daily_delivery}
group by channel, channel_order
order by channel_order
"""


def read_figures(pipeline: dlt.Pipeline) -> dict[str, Sums]:
    """The sums over all operations of each channel in the warehouse."""
    with view_client(pipeline, settings=view_settings()) as client:
        view = client.make_qualified_table_name("daily_delivery")
        sums = ", ".join(f"sum({name})" for name in SUMMED)
        rows = client.execute_sql(_QUERY.format(sums=sums, daily_delivery=view)) or []
    return {channel: _sums(values) for channel, *values in rows}


def _sums(values: list[Any]) -> Sums:
    whole = (None if value is None else int(value) for value in values)
    named: dict[str, Any] = dict(zip(SUMMED, whole, strict=True))
    return Sums(**named)
