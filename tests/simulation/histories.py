"""What must hold of histories when a life is over: they replay what the API showed.

A history only grows, so what it says of a past moment is what it said then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any

from comms_source.sandbox.instants import to_ms
from comms_source.tables.history import ROW_VERSION, VALID_FROM, VALID_TO
from comms_source.timespans import SECOND
from tests.simulation.laws import STATE, LawBroken, Witness

MOMENTS = 2
"""To about how many moments each operation is taken back, where not to all."""

Row = dict[str, Any]
Run = tuple[datetime, datetime]
"""When it began and ended."""


def look_back(rows: Iterable[Row], witness: Witness) -> None:
    """Check each operation's history, and replay it to the ends of some runs."""
    replay = Replay(witness)
    for number, states in enumerate(by_operation(rows)):
        states_follow_each_other(states)
        if not witness.believes_dates:
            continue
        runs = replay.runs(states)
        step = max(1, len(runs) // MOMENTS)
        for run in runs[number % step :: step]:
            replay.check(states, run)


def by_operation(rows: Iterable[Row]) -> list[list[Row]]:
    """The states of each operation, in the order in which they were seen."""
    states: dict[str, list[Row]] = {}
    for row in sorted(rows, key=itemgetter(VALID_FROM)):
        states.setdefault(row["id"], []).append(row)
    return list(states.values())


def states_follow_each_other(states: Sequence[Row]) -> None:
    """9: each state is another than the former, begins as that ends, and not before it was seen."""
    for former, state in pairwise(states):
        if former[ROW_VERSION] == state[ROW_VERSION]:
            raise LawBroken(f"{state} is the same as {former}")
        if not former[VALID_FROM] < state[VALID_FROM] == former[VALID_TO]:
            raise LawBroken(f"{state} does not begin as {former} ends")
    for state in states:
        if state["synced_at"] > state[VALID_FROM]:
            raise LawBroken(f"{state} begins before it was seen")
    if states[-1][VALID_TO] is not None:
        raise LawBroken(f"nothing follows {states[-1]}")


class Replay:
    """Takes histories back to the ends of complete runs, and asks the API what was true then."""

    def __init__(self, witness: Witness) -> None:
        """Prepare to check what `witness` has seen."""
        self._witness = witness
        self._numbers = {op.id: op.number for op in witness.sent}

    def runs(self, states: Sequence[Row]) -> list[Run]:
        """The complete runs that promise something for the operation.

        They left it in the warehouse, and the API listed it to their end.
        """
        witness, first = self._witness, states[0]
        forgotten = first["created_at"] + witness.retention
        since = witness.kept_since.get(first["id"], forgotten)
        return [run for run in witness.complete_runs if since <= run[1] < forgotten]

    def check(self, states: Sequence[Row], run: Run) -> None:
        """10: as of a run's end, the state is one that the API showed within the refresh promise.

        The API shows each state for one stretch of time, since what was read or failed never
        becomes less. So a state that was seen before the stretch that the promise allows was shown
        within it if it was at its beginning.
        """
        began, ended = run
        known = bisect_right(states, ended, key=itemgetter(VALID_FROM))
        if not known:
            raise LawBroken(f"nothing is known of {states[0]['id']} for {ended}")
        state = states[known - 1]
        earliest = began - self._witness.refresh_ratio * (began - state["created_at"])
        instant = max(earliest, state["synced_at"])
        # Where a clock was set right by the API's, it may be a second behind.
        shown = [self._shown(state["id"], at) for at in (instant, instant + SECOND)]
        if instant > ended or tuple(state[name] for name in STATE) not in shown:
            raise LawBroken(f"{state} is taken for {ended}; by {instant} the API showed {shown}")

    def _shown(self, key: str, instant: datetime) -> tuple[Any, ...]:
        shown = self._witness.world.population.show(self._numbers[key], to_ms(instant))
        return (shown["status"], *(shown["stats"][name] for name in STATE[1:]))
