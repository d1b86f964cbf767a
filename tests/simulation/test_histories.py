"""Two weeks of hourly runs: the histories must replay what the API showed at each run's end."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from tests.simulation.histories import Replay, by_operation, states_follow_each_other
from tests.simulation.laws import Witness
from tests.simulation.machines import HISTORY, MemoryMachine
from tests.simulation.world import BEGINNING, Habits, World, everything

HOUR = timedelta(hours=1)
DAYS = 14
HABITS = Habits(
    volume=60,
    interval=(1.0, 1.0),
    days=DAYS,
    grid=1000,
    settings={"page_size": 100, "window": HOUR, "refresh_ratio": 0.1},
    trouble=0.0,
)


def two_weeks() -> tuple[Witness, MemoryMachine]:
    """Simulate two weeks without failures, and check every law after each run."""
    chance = random.Random(1)
    world, machine = World(1, chance, HABITS), MemoryMachine(chance)
    witness = Witness(world, everything(world, until=BEGINNING + timedelta(days=DAYS)))
    for hour in range(24 * DAYS):
        world.clock.set(BEGINNING + hour * HOUR)
        session = world.session()
        witness.run_starts.append(session.now)
        witness.run_ends.append(session.now)
        assert machine.run(session)
        witness.complete_runs.append((session.now, world.clock.now()))
        witness.check(machine, complete=True, now=session.now)
    return witness, machine


@pytest.mark.slow
def test_the_history_is_true_at_the_end_of_every_run() -> None:
    """For every operation that the API listed then; hours without changes add no state."""
    witness, machine = two_weeks()
    histories, replay = by_operation(machine.rows(HISTORY)), Replay(witness)
    moments = [(states, run) for states in histories for run in replay.runs(states)]

    for states in histories:
        states_follow_each_other(states)
    for states, run in moments:
        replay.check(states, run)

    assert len(moments) > 50 * 24 * DAYS
    assert max(map(len, histories)) > 20
    assert sum(map(len, histories)) < 10 * len(histories)
