"""What the views are told when they are made: time zone, retention, readings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from comms_source.channels import CHANNELS
from comms_source.errors import ConfigurationError
from comms_source.settings import RETENTION
from comms_source.windows import parse_duration

StatsReading = Literal["exclusive", "cumulative"]
"""How the counters of a channel are read: each resource counted once, or once a stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings:
    """What the views are told.

    Raises:
        ConfigurationError: where a value does not exist; it names the setting.
    """

    stats_reading: Mapping[str, StatsReading] = field(default_factory=dict)
    """Pins how the counters of a channel are read; by default its rows tell."""
    time_zone: str = "UTC"
    """In which days and hours are counted, by its IANA name."""
    retention: timedelta = parse_duration(RETENTION)
    """For how long after creation the API answers for an operation."""
    now: datetime | None = None
    """The instant that is taken for the present; by default that of each query."""

    def __hash__(self) -> int:
        pinned = frozenset(self.stats_reading.items())
        return hash((pinned, self.time_zone, self.retention, self.now))

    def __post_init__(self) -> None:
        _check_readings(self.stats_reading)
        _check_zone(self.time_zone)


def _check_readings(readings: Mapping[str, StatsReading]) -> None:
    for channel, reading in readings.items():
        if channel not in CHANNELS or reading not in get_args(StatsReading):
            raise ConfigurationError(
                f"stats_reading: {channel} = {reading!r}; expected a channel of "
                f"{', '.join(CHANNELS)} with {' or '.join(get_args(StatsReading))}"
            )


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"time_zone: there is no {name!r}; expected a name such as UTC or Europe/Berlin"
        ) from None
