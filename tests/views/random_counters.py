"""Random counters: of either mode, of no mode, and invalid."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from comms_source.channels import CHANNELS
from tests.views.view_tables import Counters

NONSENSE: Final = (None, -1, 10**12, 10**12 + 1, 2**63 - 1, -(2**63))
SIZES: Final = (0, 1, 2, 10, 11, 100, 101, 1000, 1001)
"""The numbers of recipients at the edges of the sizes."""
MOVES: Final = (
    ("scheduled", "queued"),
    ("scheduled", "canceled"),
    ("queued", "sent"),
    ("queued", "failed"),
    ("sent", "delivered"),
    ("sent", "undelivered"),
    ("delivered", "engaged"),
)
"""From one state of a resource to the next."""
KINDS: Final = ("exclusive", "cumulative", "none")
"""Counters of one of the modes, or of no mode."""


def random_history(chance: random.Random, channel: str, kind: str, states: int) -> list[Counters]:
    """The counters of an operation, state after state."""
    history = _noise(chance, channel, states) if kind == "none" else []
    history = history or _progress(chance, channel, kind, states)
    return _damaged(chance, history) if chance.random() < 0.05 else history


def _progress(chance: random.Random, channel: str, mode: str, states: int) -> list[Counters]:
    """Counters of resources that move from state to state."""
    resources = Resources.some(chance)
    history = []
    for _ in range(states):
        resources.move(chance)
        history.append(resources.shown(channel, mode))
    return history


@dataclass(slots=True, kw_only=True)
class Resources:
    """How many resources of one operation are in each state."""

    number: int
    unaddressable: int
    total_has_unaddressable: bool
    attempts: int
    states: dict[str, int]

    @classmethod
    def some(cls, chance: random.Random) -> Resources:
        """Resources that are all scheduled or queued."""
        number = chance.choice((*SIZES, chance.randint(0, 300)))
        states = dict.fromkeys((name for move in MOVES for name in move), 0)
        return cls(
            number=number,
            unaddressable=chance.choice((0, 0, 1, chance.randint(0, number))),
            total_has_unaddressable=chance.random() < 0.5,
            attempts=number + chance.choice((0, 0, number // 3)),
            states=states | {chance.choice(("scheduled", "queued")): number},
        )

    def move(self, chance: random.Random) -> None:
        """Move some, all or none of them to the next state."""
        for before, after in MOVES:
            moved = int(self.states[before] * chance.choice((0, 0.1, 0.5, 0.9, 1)))
            self.states[before] -= moved
            self.states[after] += moved

    def shown(self, channel: str, mode: str) -> Counters:
        """The counters of a channel, in a counter mode."""
        counters: dict[str, int | None] = {
            **self.states,
            "total": self.number + self.unaddressable * self.total_has_unaddressable,
            "recipients": self.number + self.unaddressable,
            "attempts": self.attempts,
            "unaddressable": self.unaddressable,
            "read": self.states["engaged"],
            "opened": self.states["engaged"],
        }
        delivered = self.states["delivered"] + self.states["engaged"]
        if mode == "cumulative":
            counters["delivered"] = delivered
        if mode == "cumulative" or channel == "push_notifications":
            counters["sent"] = self.states["sent"] + delivered + self.states["undelivered"]
        return {name: counters[name] for name in CHANNELS[channel].counters}


def _noise(chance: random.Random, channel: str, states: int) -> list[Counters]:
    """Arbitrary counters, which mostly increase if they change."""
    top = chance.choice((1, 3, 10, 1000))
    counters: Counters = {
        name: chance.choice((0, 0, chance.randint(0, top))) for name in CHANNELS[channel].counters
    }
    if chance.random() < 0.6:
        counters = {**counters, "total": chance.randint(0, 4 * top)}
    history = [counters]
    while len(history) < states:
        history.append(_grown(chance, history[-1]))
    return history


def _grown(chance: random.Random, counters: Counters) -> Counters:
    steps = (0, 0, 0, 1, 2, 20, -1)
    return {
        name: value + chance.choice(steps) if value is not None and 0 < value < 1000 else value
        for name, value in counters.items()
    }


def _damaged(chance: random.Random, history: list[Counters]) -> list[Counters]:
    """The same with missing or invalid values of one counter in some states."""
    name = chance.choice(list(history[0]))
    return [{**counters, name: chance.choice((*NONSENSE, counters[name]))} for counters in history]
