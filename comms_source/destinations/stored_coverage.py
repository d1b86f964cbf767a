"""The coverage in dlt's state: on this machine, and in the destination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.pipeline.state_sync import load_pipeline_state_from_destination

from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import COVERAGE_KEY, OWNERS, ChannelCoverage
from comms_source.destinations.dlt_errors import translate_dlt_errors


def stored_coverage(
    pipeline: dlt.Pipeline, *, channels: Iterable[Channel], account: str
) -> dict[str, ChannelCoverage]:
    """The coverage of the last complete load, from the destination, by channel.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    with translate_dlt_errors(), pipeline.destination_client() as client:
        if not isinstance(client, WithStateSync):
            return {channel.name: ChannelCoverage() for channel in channels}
        try:
            state: Any = load_pipeline_state_from_destination(pipeline.pipeline_name, client)
        except DestinationUndefinedEntity:
            state = None
    return _coverages(state or {}, channels, account)


def local_coverage(
    pipeline: dlt.Pipeline, *, channels: Iterable[Channel], account: str
) -> dict[str, ChannelCoverage]:
    """The coverage that the next run of `pipeline` on this machine continues from, by channel."""
    return _coverages(pipeline.state, channels, account)


def local_owner(pipeline: dlt.Pipeline, *, channel: Channel, account: str) -> str | None:
    """The digest of the credentials that the channel's rows were read with; None before any."""
    state = _resources(pipeline.state).get(channel.table, {})
    owner: str | None = state.get(OWNERS, {}).get(account)
    return owner


def _coverages(
    state: Mapping[str, Any], channels: Iterable[Channel], account: str
) -> dict[str, ChannelCoverage]:
    by_resource = _resources(state)
    return {
        channel.name: ChannelCoverage.from_state(
            by_resource.get(channel.table, {}).get(COVERAGE_KEY, {}).get(account)
        )
        for channel in channels
    }


def _resources(state: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = state.get("sources", {}).get("comms_source", {}).get("resources", {})
    return found
