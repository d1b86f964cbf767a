"""The coverage in dlt's state: on this machine, and in the destination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dlt

from comms_source.channels import Channel
from comms_source.coverage.channel_coverage import ChannelCoverage
from comms_source.coverage.state import OWNERS, read_coverage
from comms_source.destinations.dlt_errors import translate_dlt_errors
from comms_source.destinations.dlt_internals import keeps_state, stored_pipeline_state


def stored_coverage(
    pipeline: dlt.Pipeline, *, channels: Iterable[Channel], account: str
) -> dict[str, ChannelCoverage]:
    """The coverage of the last complete load, from the destination, by channel.

    Raises:
        RunStopped: if the destination cannot be queried.
    """
    with translate_dlt_errors(), pipeline.destination_client() as client:
        state = stored_pipeline_state(pipeline, client) if keeps_state(client) else None
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
        channel.name: read_coverage(by_resource.get(channel.table, {}), account)
        for channel in channels
    }


def _resources(state: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = state.get("sources", {}).get("comms_source", {}).get("resources", {})
    return found
