"""How a channel's coverage is kept in the state of its dlt resource: JSON, an entry an account.

Instants are whole seconds since 1970, rounded down.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from comms_source.coverage.channel_coverage import ChannelCoverage, Part, WindowRead
from comms_source.timespans import SECOND, Span, align_up

FORMAT: Final = 2
"""The format of an entry. Of another one only `tracked_from` is used, and all is read again."""

_COVERAGE: Final = "coverage"

OWNERS: Final = "owners"
"""The key of the digests of the credentials that the rows were read with, by account."""


def read_coverage(state: Mapping[str, Any], account: str) -> ChannelCoverage:
    """The coverage of an account that `write_coverage` left in the state; else an empty one."""
    entry = state.get(_COVERAGE, {}).get(account)
    if not entry:
        return ChannelCoverage()
    if entry["format"] != FORMAT:
        return ChannelCoverage(tracked_from=_instant_or_none(entry["tracked_from"]))
    width = None if entry["width"] is None else timedelta(seconds=entry["width"])
    coverage = ChannelCoverage(
        tracked_from=_instant_or_none(entry["tracked_from"]),
        complete_at=_instant_or_none(entry["complete_at"]),
        width=width,
    )
    for start, read_at, rows, complete, *width_in_seconds in entry["windows"]:
        own = timedelta(seconds=width_in_seconds[0]) if width_in_seconds else None
        read = WindowRead(to_instant(read_at), rows, bool(complete), own)
        coverage.windows[to_instant(start)] = read
    for *times, rows in entry["parts"]:
        start, end, began, ended = map(to_instant, times)
        home = coverage.window_around(start, width).start if width else start
        coverage.parts.setdefault(home, []).append(Part(Span(start, end), began, ended, rows))
    return coverage


def write_coverage(
    state: MutableMapping[str, Any], account: str, coverage: ChannelCoverage
) -> None:
    """Put the coverage of an account into the state."""
    width = coverage.width
    state.setdefault(_COVERAGE, {})[account] = {
        "format": FORMAT,
        "tracked_from": _seconds_or_none(coverage.tracked_from),
        "complete_at": _seconds_or_none(coverage.complete_at),
        "width": None if width is None else width // SECOND,
        "windows": [_window(start, read) for start, read in sorted(coverage.windows.items())],
        "parts": [_part(part) for _, parts in sorted(coverage.parts.items()) for part in parts],
    }


def to_seconds(instant: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    return int(instant.timestamp() // 1)


def to_instant(seconds: int) -> datetime:
    """The instant in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _window(start: datetime, read: WindowRead) -> list[int]:
    width = [read.width // SECOND] if read.width else []
    return [to_seconds(start), to_seconds(read.read_at), read.rows, int(read.complete), *width]


def _part(part: Part) -> list[int]:
    # Rounded so that it claims less: the read began earlier, and ended later.
    times = [part.span.start, part.span.end, part.began, align_up(part.ended, SECOND)]
    return [*map(to_seconds, times), part.rows]


def _seconds_or_none(instant: datetime | None) -> int | None:
    return None if instant is None else to_seconds(instant)


def _instant_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else to_instant(seconds)
