"""Warehouses of few rows with little between them, so that they meet in all ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from tests.views.view_tables import NOW, Operation, Record, State
from tests.views.view_worlds import DAY, HOUR, RUN_CHANNELS, STATUSES, TICK, World

COUNTER: Final = st.sampled_from(
    (0, 0, 1, 2, 3, 5, 8, None, -1, 10**12, 10**12 + 1, 2**63 - 1, -(2**63))
)
CREATED: Final = st.sampled_from(
    [NOW - age for age in (HOUR / 2, HOUR, DAY, 7 * DAY, 7 * DAY + TICK, 9 * DAY, 31 * DAY)]
)
DELAY: Final = st.sampled_from([0 * HOUR, HOUR / 60, HOUR / 4, HOUR, DAY])
ACCOUNT: Final = st.sampled_from(("acme", "globex", "initech", "umbrella"))
CHANNEL: Final = st.sampled_from(list(CHANNELS))
KEY: Final = st.tuples(ACCOUNT, CHANNEL, st.sampled_from(("a", "b")))
SLOT: Final = st.integers(0, 9).map(lambda hours: NOW - 7 * DAY + (hours - 5) * HOUR)
OUTCOME: Final = st.sampled_from(("complete", "incomplete", "failed", "running"))


@st.composite
def lives(draw: st.DrawFn) -> tuple[Operation, list[State]]:
    """An operation of any counters, and up to three states before it became so."""
    account, channel, name = draw(KEY)
    created, names = draw(CREATED), CHANNELS[channel].counters
    seen = created
    states: list[tuple[Operation, datetime]] = []
    for _ in range(draw(st.integers(1, 4))):
        seen += draw(DELAY)
        counters = draw(st.lists(COUNTER, min_size=len(names), max_size=len(names)))
        shown = Operation(
            channel=channel,
            counters=dict(zip(names, counters, strict=True)),
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
    now = replace(states[-1][0], synced_at=seen + draw(DELAY))
    return now, draw(st.sampled_from((history, history, [])))


FOLLOWED: Final = st.tuples(KEY, st.sampled_from(("open", "ended", "lost"))).map(
    lambda drawn: {
        "account": drawn[0][0],
        "channel": drawn[0][1],
        "operation_id": drawn[0][2],
        "outcome": drawn[1],
    }
)
WINDOW: Final = st.tuples(ACCOUNT, CHANNEL, SLOT, st.integers(1, 3), st.booleans()).map(
    lambda drawn: {
        "account": drawn[0],
        "channel": drawn[1],
        "window_start": drawn[2],
        "window_end": drawn[2] + drawn[3] * HOUR,
        "read_at": drawn[2] + DAY,
        "is_complete": drawn[4],
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
REJECTED: Final = st.fixed_dictionaries({"account": ACCOUNT, "channel": CHANNEL})


def _unique(rows: st.SearchStrategy[Record], *key: str) -> st.SearchStrategy[list[Record]]:
    return st.lists(rows, max_size=20, unique_by=lambda row: tuple(row[name] for name in key))


@st.composite
def small_worlds(draw: st.DrawFn) -> World:
    """Few rows with little between them, so that they meet."""
    drawn = {
        (operation.account, operation.channel, operation.id): (operation, states)
        for operation, states in draw(st.lists(lives(), max_size=24))
    }
    return World(
        operations=[operation for operation, _ in drawn.values()],
        states=[state for _, states in drawn.values() for state in states],
        followed=draw(_unique(FOLLOWED, "account", "channel", "operation_id")),
        coverage=draw(_unique(WINDOW, "account", "channel", "window_start", "window_end")),
        gaps=draw(_unique(GAP, "account", "channel", "gap_start")),
        runs=draw(st.lists(RUN, max_size=12)),
        rejected=draw(st.lists(REJECTED, max_size=3)),
    )
