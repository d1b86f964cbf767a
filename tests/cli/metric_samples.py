"""A status with a value for every metric, and the samples of a text of metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from comms_source.commands.channel_status import ChannelRun, ChannelStatus, LastRun
from comms_source.commands.status import Status
from comms_source.timespans import Span
from tests.support import NOW

Samples = dict[tuple[str, tuple[str, ...]], float]

FULL: Final = Status(
    now=NOW,
    is_loaded=True,
    destination="duckdb C:\\data",
    dataset="comms",
    account='the "first"',
    pipeline="twilio_comms",
    pipelines_dir="",
    last_run=LastRun(command="load", started_at=NOW, outcome="complete", error=None, channels={}),
    last_complete_run=NOW,
    details=["tags"],
    channels=[
        ChannelStatus(
            channel="emails",
            operations=7,
            newest_operation=NOW,
            last_complete_read=NOW,
            windows=169,
            fresh=168,
            short=1,
            deadline=NOW + timedelta(days=7),
            freezes_at=NOW + timedelta(days=1),
            frozen=[Span(NOW - timedelta(days=9), NOW - timedelta(days=8))],
            last_read=NOW,
            last_run=ChannelRun(started_at=NOW, outcome="complete", requests=3, refused=False),
            failures=[],
            rejected=2,
            followed={"active": 1},
            gaps=[Span(NOW - timedelta(days=20), NOW - timedelta(days=18))],
            details={"tags": {"read": 5, "expired": 1}},
            details_waiting=4,
            details_deadline=NOW + timedelta(hours=1),
        )
    ],
)
"""A status that has a value for every metric, and names that must be escaped."""


def samples(text: str) -> Samples:
    """The values in a text, by name and the values of the labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_channels(found: Samples, name: str) -> dict[str, float]:
    """The values of one metric of the single account, by channel."""
    return {key[1][-1]: value for key, value in found.items() if key[0] == f"comms_{name}"}
