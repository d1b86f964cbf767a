"""The ledgers as the destination keeps them, read without touching what a run is at work on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

from comms_source.channels import Channel
from comms_source.coverage import Ledger
from comms_source.extracting import LEDGERS
from comms_source.warehouse import explained


def stored_state(pipeline: dlt.Pipeline) -> Mapping[str, Any]:
    """What the last complete load left in the destination, by resource; empty before any.

    Raises:
        RunStopped: if the destination cannot be asked.
    """
    with explained(), pipeline.destination_client() as client:
        if not isinstance(client, WithStateSync):
            return {}
        try:
            state: Any = load_pipeline_state_from_destination(pipeline.pipeline_name, client)
        except DestinationUndefinedEntity:
            return {}
    source = (state or {}).get("sources", {}).get("comms_source", {})
    resources: Mapping[str, Any] = source.get("resources", {})
    return resources


def ledger_of(state: Mapping[str, Any], *, channel: Channel, account: str) -> Ledger:
    """The ledger of one channel and account in what `stored_state` returned."""
    return Ledger.from_state(state.get(channel.table, {}).get(LEDGERS, {}).get(account))
