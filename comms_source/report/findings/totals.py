"""The totals of each channel, over all days of the view `daily_delivery`."""

from __future__ import annotations

import dlt

from comms_source.report.data.parse import parse
from comms_source.report.data.queries import SUMMED, TOTALS
from comms_source.report.data.read import ask
from comms_source.report.data.sums import Sums
from comms_source.views.create import view_client
from comms_source.views.settings import view_settings


def read_figures(pipeline: dlt.Pipeline) -> dict[str, Sums]:
    """The sums over all operations of each channel in the warehouse.

    Raises:
        LoadFailed: if the view is missing or from another version.
    """
    with view_client(pipeline, settings=view_settings()) as client:
        rows = ask(client, TOTALS, columns=", ".join(f"sum({name})" for name in SUMMED))
    return {channel: parse(Sums, values) for channel, *values in rows}
