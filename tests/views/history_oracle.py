"""What the views over histories should say, in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final

from tests.views.sums import grouped, plus, quotient
from tests.views.view_oracle import COUNTERS, DAY, HOUR, OPEN, PUSH, Counted, Key, Oracle, key_of
from tests.views.view_oracle import read_at as seen_at
from tests.views.view_tables import Record, State

AGES: Final = (0.25, 1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168)
SIZES: Final = ((0, "none"), (1, "1"), (10, "2 to 10"), (100, "11 to 100"), (1000, "101 to 1000"))
FIGURES: Final = ("reached", "engaged", "missed")


def operation_states(oracle: Oracle) -> list[Record]:
    """The rows of the view of that name, as all of these functions give."""
    rows = []
    for state in oracle.world.states:
        counted = Counted(state.shown)
        rows.append(
            counted.measures("either")
            | {name: counted.get(name) for name in COUNTERS}
            | {"valid_from": state.valid_from, "valid_to": state.valid_to}
        )
    return rows


def _lives(states: Iterable[State]) -> dict[Key, list[State]]:
    lives: dict[Key, list[State]] = defaultdict(list)
    for state in states:
        lives[key_of(state.shown)].append(state)
    return lives


def completion_times(oracle: Oracle) -> list[Record]:
    """Percentiles over the operations that were watched from their first hour to their end."""
    since = oracle.now - 30 * DAY
    young = [state for state in oracle.world.states if state.shown.created_at >= since]
    times = [time for life in _lives(young).values() for time in _times(life)]
    return [
        {
            "account": account,
            "channel": channel,
            "size": size,
            "operations": len(group),
            **{
                f"p{part}_seconds_{end}": _percentile([row[end] for row in group], part)
                for part in (50, 90, 99)
                for end in ("low", "high", "reported")
            },
        }
        for (account, channel, size), group in grouped(times, "account", "channel", "size").items()
    ]


def _times(life: Sequence[State]) -> Iterable[Record]:
    """How long an operation took, if that is known."""
    created = life[0].shown.created_at
    after = {id(state): seen_at(state.shown) - created for state in life}
    statuses = {state.shown.status for state in life}
    completed = [state for state in life if state.shown.status == "COMPLETED"]
    if not completed or "SCHEDULED" in statuses or min(after.values()) > HOUR:
        return
    done = min(after[id(state)] for state in completed)
    last_open = [after[id(state)] for state in life if state.shown.status in OPEN]
    reported = [state.shown.updated_at - created for state in completed if state.shown.updated_at]
    if done >= timedelta(0):
        yield {
            "account": life[0].shown.account,
            "channel": life[0].shown.channel,
            "size": _size([Counted(state.shown).get("recipients") for state in life]),
            "low": floor(max(last_open) / SECOND) if last_open and max(last_open) < done else 0,
            "high": ceil(done / SECOND),
            "reported": ceil(min(reported) / SECOND) if reported else None,
        }


def _size(recipients: Sequence[int | None]) -> str:
    known = [number for number in recipients if number is not None]
    if not known:
        return "not known"
    return next((size for most, size in SIZES if max(known) <= most), "over 1000")


def _percentile(times: Iterable[int | None], part: int) -> int | None:
    """By nearest rank: the smallest time that so many of 100 do not exceed."""
    known = sorted(time for time in times if time is not None)
    return known[ceil(Fraction(part * len(known), 100)) - 1] if known else None


def settle_curve(oracle: Oracle) -> list[Record]:
    """What was shown at an age, as a share of what is shown now."""
    since, until = oracle.retained_from - 28 * DAY, oracle.retained_from
    old = [state for state in oracle.world.states if since <= state.shown.created_at < until]
    groups: dict[tuple[str, str], list[list[State]]] = defaultdict(list)
    for (account, channel, _), life in _lives(old).items():
        # what never was among the operations has no reading, and so no figures
        if (account, channel) in oracle.own_readings:
            groups[account, channel].append(life)
    return [
        {"account": account, "channel": channel, "age_hours": age, **shares}
        for (account, channel), lives in groups.items()
        for age in AGES
        for shares in _shares(
            lives, age, channel=channel, reading=_reading(oracle, account, channel)
        )
    ]


def _reading(oracle: Oracle, account: str, channel: str) -> str:
    return oracle.told.stats_reading.get(channel) or oracle.channel_reading(account, channel)


def _shares(
    lives: Iterable[Sequence[State]], age: float, *, channel: str, reading: str
) -> Iterable[Record]:
    """The shares at an age; none where nothing had been seen by then."""
    ages = {id(state): _ages(state) for life in lives for state in life}
    seen = [life for life in lives if min(ages[id(state)][0] for state in life) <= age]
    if not seen:
        return
    then, now = dict.fromkeys(FIGURES, 0), dict.fromkeys(FIGURES, 0)
    for state in (state for life in lives for state in life):
        begin, end = ages[id(state)]
        figures = _figures(Counted(state.shown), reading)
        if begin <= age and (end is None or age < end):
            then = _added(then, figures)
    for state in (state for life in seen for state in life if state.valid_to is None):
        now = _added(now, _figures(Counted(state.shown), reading))
    known = channel != PUSH
    yield {
        "operations": len(seen),
        "outcome_share": _part(then["reached"] + then["missed"], now["reached"] + now["missed"]),
        "reached_share": _part(then["reached"], now["reached"]) if known else None,
        "engaged_share": _part(then["engaged"], now["engaged"]) if known else None,
    }


def _ages(state: State) -> tuple[float, float | None]:
    created = state.shown.created_at
    end = None if state.valid_to is None else (state.valid_to - created) / HOUR
    return (state.valid_from - created) / HOUR, end


def _figures(counted: Counted, reading: str) -> dict[str, int]:
    """The figures of one state; what it does not tell was not known."""
    if counted.channel == PUSH:
        told = {"reached": counted.get("sent"), "engaged": None, "missed": counted.get("failed")}
    else:
        delivered, engaged = counted.get("delivered"), counted.engaged
        told = {
            "reached": plus(delivered, engaged) if reading == "exclusive" else delivered,
            "engaged": engaged,
            "missed": plus(counted.get("undelivered"), counted.get("failed")),
        }
    return {name: value or 0 for name, value in told.items()}


def _added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {name: left[name] + right[name] for name in FIGURES}


def _part(part: int, whole: int) -> Any:
    return quotient(Fraction(part, whole) if whole else None)


SECOND: Final = timedelta(seconds=1)
