"""Pseudo-random numbers that are a pure function of their arguments.

All generated data of the sandbox comes from here, so it depends on the seed alone and needs no
state.
"""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1


def mix(*parts: int) -> int:
    """A 64-bit hash of these integers (the finaliser of SplitMix64, chained)."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state + part) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def fraction(*parts: int) -> float:
    """A number in [0, 1) from these integers."""
    return (mix(*parts) >> 11) / (1 << 53)
