"""The ledgers as the destination keeps them, read without touching what a run is at work on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import LEDGERS, OWNERS, Ledger, latest
from comms_source.destinations.dlt_errors import explained
from comms_source.destinations.lanes import Lane, base_name, pipeline_name


def stored_ledgers(
    pipeline: dlt.Pipeline, *, channels: Iterable[Channel], account: str
) -> dict[str, Ledger]:
    """What the last complete load of each channel left in the destination, by channel.

    A channel may have been loaded with others or in a lane of its own, whichever `pipeline` is;
    each goes on from where the other stopped, so the later ledger is the one that holds.

    Raises:
        RunStopped: if the destination cannot be asked.
    """
    return _read(pipeline, channels=channels, account=account, but="")


def ledgers_elsewhere(
    pipeline: dlt.Pipeline, *, channels: Iterable[Channel], account: str
) -> dict[str, Ledger]:
    """The same, of what other pipelines than `pipeline` itself have loaded.

    Raises:
        RunStopped: if the destination cannot be asked.
    """
    return _read(pipeline, channels=channels, account=account, but=pipeline.pipeline_name)


def local_ledgers(
    pipeline: dlt.Pipeline,
    *,
    elsewhere: Mapping[str, Ledger],
    channels: Iterable[Channel],
    account: str,
) -> dict[str, Ledger]:
    """The ledgers that a run of `pipeline` goes on from: its own, or a later one from elsewhere."""
    state = _resources(pipeline.state)
    own = {channel.name: _ledger(state, channel, account) for channel in channels}
    return {name: latest([ledger, elsewhere[name]]) for name, ledger in own.items()}


def local_owner(pipeline: dlt.Pipeline, *, channel: Channel, account: str) -> str | None:
    """What stands for the credentials that the channel's rows were read with; None before any."""
    state = _resources(pipeline.state).get(channel.table, {})
    owner: str | None = state.get(OWNERS, {}).get(account)
    return owner


def _read(
    pipeline: dlt.Pipeline, *, channels: Iterable[Channel], account: str, but: str
) -> dict[str, Ledger]:
    base = base_name(pipeline.pipeline_name)
    with explained(), pipeline.destination_client() as client:
        together = {} if base == but else _state(client, base)
        ledgers = {}
        for channel in channels:
            name = pipeline_name(base, Lane(account=account, channel=channel.name))
            alone = {} if name == but else _state(client, name)
            states = (together, alone)
            ledgers[channel.name] = latest([_ledger(s, channel, account) for s in states])
    return ledgers


def _state(client: Any, name: str) -> Mapping[str, Any]:
    """What dlt's state of the pipeline `name` remembers, by resource; empty before any load."""
    if not isinstance(client, WithStateSync):
        return {}
    try:
        state: Any = load_pipeline_state_from_destination(name, client)
    except DestinationUndefinedEntity:
        return {}
    return _resources(state or {})


def _resources(state: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = state.get("sources", {}).get("comms_source", {}).get("resources", {})
    return found


def _ledger(state: Mapping[str, Any], channel: Channel, account: str) -> Ledger:
    return Ledger.from_state(state.get(channel.table, {}).get(LEDGERS, {}).get(account))
