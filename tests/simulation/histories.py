"""Invariants of histories at the end of a simulation: they replay what the API showed.

A history only grows, so what it says about a past time does not change.
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
"""At about how many times each operation is checked, if not at all run ends."""

Row = dict[str, Any]
Run = tuple[datetime, datetime]
"""When it began and ended."""


def check_histories(rows: Iterable[Row], witness: Witness) -> None:
    """Check each operation's history, and replay it to the ends of some runs."""
    replay = Replay(witness)
    for number, states in enumerate(by_operation(rows)):
        states_follow_each_other(states)
        if not witness.has_correct_dates:
            continue
        runs = replay.runs(states)
        step = max(1, len(runs) // MOMENTS)
        for run in runs[number % step :: step]:
            replay.check(states, run)


def by_operation(rows: Iterable[Row]) -> list[list[Row]]:
    """The states of each operation, in order."""
    states: dict[str, list[Row]] = {}
    for row in sorted(rows, key=itemgetter(VALID_FROM)):
        states.setdefault(row["id"], []).append(row)
    return list(states.values())


def states_follow_each_other(states: Sequence[Row]) -> None:
    """9: each state differs from the previous one, begins where that ends, and after its read."""
    for former, state in pairwise(states):
        if former[ROW_VERSION] == state[ROW_VERSION]:
            raise LawBroken(f"{state} is the same as {former}")
        if not former[VALID_FROM] < state[VALID_FROM] == former[VALID_TO]:
            raise LawBroken(f"{state} does not begin where {former} ends")
    for state in states:
        if state["synced_at"] > state[VALID_FROM]:
            raise LawBroken(f"{state} begins before it was read")
    if states[-1][VALID_TO] is not None:
        raise LawBroken(f"no state follows {states[-1]}")


class Replay:
    """Compares histories, as of the ends of complete runs, with the API."""

    def __init__(self, witness: Witness) -> None:
        """Prepare to check the runs of `witness`."""
        self._witness = witness
        self._numbers = {op.id: op.number for op in witness.sent}

    def runs(self, states: Sequence[Row]) -> list[Run]:
        """The complete runs that have to show the operation.

        They left it in the warehouse, and the API listed it until they ended.
        """
        witness, first = self._witness, states[0]
        forgotten = first["created_at"] + witness.retention
        since = witness.kept_since.get(first["id"], forgotten)
        return [run for run in witness.complete_runs if since <= run[1] < forgotten]

    def check(self, states: Sequence[Row], run: Run) -> None:
        """10: as of the end of a run, the state is one that the API showed recently enough.

        That is, within `refresh_ratio`. The API shows each state for one period only, since counts
        of read or failed never decrease. So a state that was read before the allowed period was
        shown within it if it was shown at its beginning.
        """
        began, ended = run
        known = bisect_right(states, ended, key=itemgetter(VALID_FROM))
        if not known:
            raise LawBroken(f"no state of {states[0]['id']} at {ended}")
        state = states[known - 1]
        earliest = began - self._witness.refresh_ratio * (began - state["created_at"])
        instant = max(earliest, state["synced_at"])
        # A clock that was corrected by the API's may be a second behind.
        shown = [self._shown(state["id"], at) for at in (instant, instant + SECOND)]
        if instant > ended or tuple(state[name] for name in STATE) not in shown:
            raise LawBroken(f"{state} is the state at {ended}; at {instant} the API showed {shown}")

    def _shown(self, key: str, instant: datetime) -> tuple[Any, ...]:
        shown = self._witness.world.population.show(self._numbers[key], to_ms(instant))
        return (shown["status"], *(shown["stats"][name] for name in STATE[1:]))
