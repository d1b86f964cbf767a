"""Numbers, shares, times and lists as text for people. Pure.

An unknown value is shown as "not known". A share below 1 is never rounded up to 100%, and a share
above 0 never down to 0%.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from comms_source.report.data.sums import Share
from comms_source.words import counted

NOT_KNOWN: Final = "not known"
DASH: Final = "\N{EN DASH}"
MINUS: Final = "\N{MINUS SIGN}"
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday"),
    *("Friday", "Saturday", "Sunday"),
)
TITLES: Final = {
    "messages": "Messages",
    "emails": "Emails",
    "push_notifications": "Push notifications",
}
SHORTS: Final = {"messages": "Messages", "emails": "Emails", "push_notifications": "Push"}
RESOURCES: Final = {"messages": "messages", "emails": "emails", "push_notifications": "pushes"}
ENGAGED: Final = {"messages": "read", "emails": "opened"}
"""What engagement is called, for the channels that report it."""

_WIDE: Final = 0.02
"""A share whose ends differ by this much or more is shown without decimals."""
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def count(value: int | None) -> str:
    """A whole number, in groups of three digits."""
    return NOT_KNOWN if value is None else f"{value:,}"


def span(low: int | None, high: int | None) -> str:
    """An interval of whole numbers."""
    if low is None or high is None:
        return NOT_KNOWN
    return count(low) if low == high else f"{count(low)}{DASH}{count(high)}"


def rest(share: Share | None) -> Share | None:
    """The rest of the whole."""
    return Share(1 - share.high, 1 - share.low) if share else None


def percent(share: Share | None) -> str:
    """A share as one number if its ends are equal in the digits shown, else as an interval."""
    if share is None:
        return NOT_KNOWN
    decimals = 0 if share.high - share.low >= _WIDE else 1
    low, high = _percent(share.low, decimals), _percent(share.high, decimals)
    return f"{low}%" if low == high else f"{low}{DASH}{high}%"


def _percent(value: float, decimals: int) -> str:
    text = f"{100 * value:.{decimals}f}"
    smallest = 10**-decimals
    if value < 1 and float(text) >= 100:  # noqa: PLR2004 - per cent
        return f">{100 - smallest:.{decimals}f}"
    return f"<{smallest:.{decimals}f}" if value > 0 and float(text) == 0 else text


def change(now: Share | None, before: Share | None) -> str | None:
    """By how many percentage points a share has changed; None if either is not known."""
    if now is None or before is None:
        return None
    least, most = (_points(now.low - before.high), _points(now.high - before.low))
    if least == most:
        return "no change" if least == "0.0" else f"{least} points"
    return f"{least} to {most} points"


def _points(value: float) -> str:
    text = f"{100 * abs(value):.1f}"
    return text if float(text) == 0 else f"{MINUS if value < 0 else '+'}{text}"


def growth(now: float | None, before: float | None) -> str | None:
    """The relative growth of a number; None if it was 0 or unknown before."""
    if now is None or not before:
        return None
    grown = now / before - 1
    text = f"{100 * abs(grown):,.0f}%"
    return "no change" if text == "0%" else f"{MINUS if grown < 0 else '+'}{text}"


def compact(value: float) -> str:
    """A number with about three digits, where there is no room for more."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        # so that 999,999 is 1M and not 1000k
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def brief_count(value: int | None, *, most: int) -> str:
    """A whole number, with about three digits if it is `most` or more."""
    return count(value) if value is None or value < most else compact(value)


def moment(at: datetime | None, *, zone: str) -> str:
    """A date and time in a zone."""
    if at is None:
        return "never"
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local.date())} {local.year}, {local:%H:%M}"


def brief_moment(at: datetime, *, zone: str) -> str:
    """The same, abbreviated."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{brief_day(local.date())}, {local:%H:%M}"


def day(of: date) -> str:
    """A day and month, in full."""
    return f"{of.day} {MONTHS[of.month - 1]}"


def brief_day(of: date) -> str:
    """A day and month, abbreviated."""
    return f"{of.day} {MONTHS[of.month - 1][:3]}"


def days(first: date, last: date) -> str:
    """A range of days, both ends included."""
    if first == last:
        return day(first)
    start = str(first.day) if (first.year, first.month) == (last.year, last.month) else day(first)
    return f"{start}{DASH}{day(last)}"


def ranges(several: Sequence[date], *, most: int = 3) -> str:
    """The latest days, with consecutive days as one range, and the number of older ones."""
    runs: list[list[date]] = []
    for each in sorted(several):
        if runs and (each - runs[-1][-1]).days == 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    left = sum(len(run) for run in runs[:-most])
    names = [days(run[0], run[-1]) for run in runs[-most:]]
    return listed([counted(left, "older day"), *names] if left else names)


def listed(words: Sequence[str]) -> str:
    """Words joined by commas and "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def seconds(number: float) -> str:
    """A duration in seconds, as text in a suitable unit."""
    for size, unit in ((2 * _DAY, "days"), (2 * _HOUR, "h"), (2 * _MINUTE, "min")):
        if number >= size:
            return f"{2 * number / size:.3g} {unit}"
    return f"{number:.0f} s"


def took(pair: tuple[float, float] | None, *, limited: bool = False) -> str:
    """An interval of durations; only the upper end if it is limited by how often data is read."""
    if pair is None:
        return NOT_KNOWN
    low, high = (seconds(end) for end in pair)
    if limited:
        return f"at most {high}"
    return low if low == high else f"{low}{DASH}{high}"


def age(number: float) -> str:
    """An age in hours, as text in a suitable unit."""
    days_old = number / 24
    if number < 1:
        return f"{60 * number:.0f} min"
    return f"{number:.0f} h" if days_old < 1 else counted(round(days_old), "day")


def brief_age(number: float) -> str:
    """The same, abbreviated, as a label on an axis."""
    value, unit = age(number).split(" ")
    return f"{value}{unit[0]}"


def upper_first(text: str) -> str:
    """The same, with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def plain(text: str) -> str:
    """Text without control characters, which a terminal would execute and a page cannot show."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def short(text: str, *, most: int = 200) -> str:
    """The same, truncated if it is longer than a name or id should be."""
    return plain(text if len(text) <= most else f"{text[: most - 1]}…")
