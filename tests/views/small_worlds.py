"""Small random data sets, with rows close together, so that all combinations occur."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from tests.views.detail_worlds import with_details
from tests.views.sums import sensible, sum_known
from tests.views.view_tables import NOW, Counters, Operation, Record, State
from tests.views.view_worlds import (
    DAY,
    HOUR,
    RUN_CHANNELS,
    STATUSES,
    TICK,
    World,
    acknowledgements,
)

PLAIN: Final = st.sampled_from((0, 0, 0, 1, 2, 3, 5, 8, 100, 200, 250))
ANY: Final = st.sampled_from(
    (0, 0, 1, 2, 3, 5, 8, None, -1, 10**12, 10**12 + 1, 2**63 - 1, -(2**63))
)
CREATED: Final = st.sampled_from(
    [
        NOW - age
        for age in (HOUR / 2, HOUR, DAY, DAY + TICK, 7 * DAY, 7 * DAY + TICK, 9 * DAY, 31 * DAY)
    ]
)
DELAY: Final = st.sampled_from([0 * HOUR, HOUR / 60, HOUR / 4, HOUR, DAY])
ACCOUNT: Final = st.sampled_from(("acme", "globex", "initech", "umbrella"))
CHANNEL: Final = st.sampled_from(list(CHANNELS))
ID: Final = st.sampled_from(("a", "b"))
KEY: Final = st.tuples(ACCOUNT, CHANNEL, ID)
SLOT: Final = st.integers(0, 9).map(lambda hours: NOW - 7 * DAY + (hours - 5) * HOUR)
OUTCOME: Final = st.sampled_from(("complete", "incomplete", "failed", "running"))


@st.composite
def counters_of(draw: st.DrawFn, channel: str) -> Counters:
    """Plain or arbitrary counters; in half of them `total` is the sum of the states."""
    names = CHANNELS[channel].counters
    values = draw(st.sampled_from((PLAIN, PLAIN, ANY)))
    counters: dict[str, int | None] = {name: draw(values) for name in names}
    if draw(st.booleans()):
        states = [sensible(counters[name]) for name in names[names.index("scheduled") :]]
        counters["total"] = sum_known(states)
    return counters


@st.composite
def operations_with_states(draw: st.DrawFn) -> tuple[Operation, list[State]]:
    """An operation, and up to four states in which it was seen, none of them in the future."""
    account, channel, name = draw(KEY)
    created = seen = draw(CREATED)
    states: list[tuple[Operation, datetime]] = []
    for delay in draw(st.lists(DELAY, min_size=1, max_size=4)):
        if states and seen + delay > NOW:
            break
        seen = min(seen + delay, NOW)
        shown = Operation(
            channel=channel,
            counters=draw(counters_of(channel)),
            id=name,
            account=account,
            status=draw(st.sampled_from(STATUSES)),
            created_at=created,
            updated_at=draw(st.sampled_from((None, created, seen))),
            synced_at=seen,
        )
        seen += TICK
        states.append((shown, seen))
    ends = [*(begin for _, begin in states[1:]), None]
    history = [
        State(shown=shown, valid_from=begin, valid_to=end)
        for (shown, begin), end in zip(states, ends, strict=True)
    ]
    now = replace(states[-1][0], synced_at=max(seen, min(seen + draw(DELAY), NOW)))
    return now, draw(st.sampled_from((history, history, [])))


FOLLOWED: Final = st.tuples(KEY, st.sampled_from(("active", "ended", "not_found")), CREATED).map(
    lambda drawn: {
        "account": drawn[0][0],
        "channel": drawn[0][1],
        "operation_id": drawn[0][2],
        "outcome": drawn[1],
        "asked_at": drawn[2],
    }
)
GAP: Final = st.tuples(ACCOUNT, CHANNEL, SLOT, st.integers(1, 4)).map(
    lambda drawn: {
        "account": drawn[0],
        "channel": drawn[1],
        "gap_start": drawn[2],
        "gap_end": drawn[2] + drawn[3] * HOUR / 2,
    }
)
RUN: Final = st.fixed_dictionaries(
    {
        "account": ACCOUNT,
        "started_at": CREATED,
        "outcome": OUTCOME,
        "channels": st.sampled_from(RUN_CHANNELS),
    }
)
REJECTED: Final = st.fixed_dictionaries(
    {
        "row_key": st.sampled_from("uvwxyz"),
        "account": ACCOUNT,
        "channel": CHANNEL,
        "operation_id": st.one_of(st.none(), ID),
        "reason": st.just("the id is missing"),
        "raw": st.just("{}"),
        "synced_at": CREATED,
    }
)
LABEL: Final = st.fixed_dictionaries(
    {
        "account": ACCOUNT,
        "operation_id": ID,
        "label": st.sampled_from(("campaign", "team")),
        "value": st.sampled_from(("x", "y")),
    }
)


@st.composite
def windows(draw: st.DrawFn) -> list[Record]:
    """Consecutive windows of several widths, with gaps between some."""
    start = draw(st.sampled_from((NOW - DAY, NOW - 2 * DAY, NOW - 9 * DAY, NOW - 15 * DAY)))
    rows = []
    for _ in range(draw(st.integers(1, 20))):
        start += draw(st.sampled_from((0, 0, 0, 1))) * HOUR
        width = draw(st.sampled_from((1, 1.5, 24))) * HOUR
        if start + width > NOW:
            break
        rows.append(draw(_window(start, width)))
        start += width
    return rows


@st.composite
def _window(draw: st.DrawFn, start: datetime, width: timedelta) -> Record:
    """A window that was read in its middle or later."""
    is_complete = draw(st.sampled_from((True, True, True, False)))
    late = start + width + draw(st.sampled_from((0 * HOUR, HOUR, 6 * DAY, 6 * DAY + TICK)))
    return {
        "window_start": start,
        "window_end": start + width,
        "read_at": min(NOW, late)
        if is_complete
        else start + draw(st.sampled_from((0.5, 2))) * width,
        "rows_read": draw(st.integers(0, 2)),
        "is_complete": is_complete,
    }


COVERAGE: Final = st.dictionaries(st.tuples(ACCOUNT, CHANNEL), windows(), max_size=6)


def _coverage(windows: Mapping[tuple[str, str], list[Record]]) -> list[Record]:
    return [
        {"account": account, "channel": channel, **window}
        for (account, channel), rows in windows.items()
        for window in rows
    ]


def _unique(rows: st.SearchStrategy[Record], *key: str) -> st.SearchStrategy[list[Record]]:
    return st.lists(rows, max_size=20, unique_by=lambda row: tuple(row[name] for name in key))


@st.composite
def small_worlds(draw: st.DrawFn) -> World:
    """A data set of few rows."""
    drawn = {
        (operation.account, operation.channel, operation.id): (operation, states)
        for operation, states in draw(st.lists(operations_with_states(), max_size=24))
    }
    chance = random.Random(draw(st.integers(0, 2**32)))
    world = World(
        operations=[operation for operation, _ in drawn.values()],
        states=[state for _, states in drawn.values() for state in states],
        followed=draw(_unique(FOLLOWED, "account", "channel", "operation_id")),
        coverage=_coverage(draw(COVERAGE)),
        gaps=draw(_unique(GAP, "account", "channel", "gap_start")),
        runs=draw(st.lists(RUN, max_size=12)),
        rejected=(rejected := draw(_unique(REJECTED, "row_key"))),
        acknowledged=acknowledgements(row for row in rejected if draw(st.booleans())),
        labels=draw(_unique(LABEL, "account", "operation_id", "label", "value")),
    )
    return with_details(chance, world) if draw(st.booleans()) else world
