"""The settings of the views: time zone, retention, counter modes, thresholds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from comms_source.channels import CHANNELS
from comms_source.config.explain import checked
from comms_source.config.resolve import read_shared
from comms_source.config.settings import RETENTION
from comms_source.errors import ConfigurationError
from comms_source.timespans import parse_duration

CounterMode = Literal["exclusive", "cumulative"]
"""How the counters of a channel count a resource: once, or in each status that it went through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSettings:
    """The settings of the views.

    Raises:
        ConfigurationError: if a value is unknown or out of range; the message names the setting.
    """

    counter_mode: Mapping[str, CounterMode] = field(default_factory=dict, hash=False)
    """Pins the counter mode of a channel; by default its operations decide it."""
    time_zone: str = "UTC"
    """The time zone of days and hours, by its IANA name."""
    retention: timedelta = parse_duration(RETENTION)
    """How long after its creation the API keeps an operation."""
    stuck_after: timedelta = timedelta(hours=1)
    """How long an operation may be processed before it is called stuck."""
    alert_volume: int = 200
    """The minimum number of resources for an alert on a rate, or for the ranking of rates."""
    alert_points: float = 0.05
    """How far a rate must leave its usual range to raise an alert; 0.05 is 5 percentage points."""
    alert_days: int = 7
    """For how many days an event stays an alert."""
    now: datetime | None = None
    """The current time; by default the time of each query."""

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> ViewSettings:
        """The settings of the existing views, from the rows of the view `view_settings`."""
        modes: dict[str, Any] = {name: texts.get(f"counter_mode.{name}") for name in CHANNELS}
        return cls(
            counter_mode={name: mode for name, mode in modes.items() if mode},
            time_zone=texts["time_zone"],
            retention=timedelta(hours=float(texts["retention_hours"])),
            stuck_after=timedelta(hours=float(texts["stuck_after_hours"])),
            alert_volume=int(texts["alert_volume"]),
            alert_points=float(texts["alert_points"]),
            alert_days=int(texts["alert_days"]),
        )

    def differing(self, other: ViewSettings) -> list[str]:
        """The names of the settings that differ; `now` is not compared."""
        names = (field.name for field in fields(self) if field.name != "now")
        return [name for name in names if getattr(self, name) != getattr(other, name)]

    def __post_init__(self) -> None:
        _check_modes(self.counter_mode)
        _check_zone(self.time_zone)
        _check(self.stuck_after > timedelta(0), "stuck_after", "more than 0", self.stuck_after)
        _check(self.alert_volume >= 1, "alert_volume", "1 or more", self.alert_volume)
        _check(0 < self.alert_points < 1, "alert_points", "between 0 and 1", self.alert_points)
        _check(self.alert_days >= 1, "alert_days", "1 or more", self.alert_days)


def _check(holds: bool, setting: str, expected: str, got: object) -> None:
    if not holds:
        raise ConfigurationError(f"{setting}: expected {expected}, got {got!r}")


def _check_modes(modes: Mapping[str, CounterMode]) -> None:
    for channel, mode in modes.items():
        if channel not in CHANNELS or mode not in get_args(CounterMode):
            raise ConfigurationError(
                f"counter_mode: {channel} = {mode!r}; expected a channel of "
                f"{', '.join(CHANNELS)} with {' or '.join(get_args(CounterMode))}"
            )


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"time_zone: there is no {name!r}; expected a name such as UTC or Europe/Berlin"
        ) from None


def view_settings() -> ViewSettings:
    """The settings of the views, from dlt's configuration.

    Raises:
        ConfigurationError: if one of them is wrong.
    """
    names = [field.name for field in fields(ViewSettings) if field.name != "now"]
    given = {name: read_shared(name) for name in names}
    for name in ("retention", "stuck_after"):
        given[name] = checked(name, parse_duration, given[name]) if given[name] else None
    return ViewSettings(**{name: value for name, value in given.items() if value is not None})
