"""Numbers that look random and are a pure function of what they are asked for.

Whatever the sandbox makes up comes from here, so that a seed tells the whole story and nothing has
to be remembered.
"""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1


def mix(*parts: int) -> int:
    """64 well-stirred bits for these whole numbers (the finaliser of SplitMix64, chained)."""
    state = 0x9E3779B97F4A7C15
    for part in parts:
        state = (state + part) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state


def fraction(*parts: int) -> float:
    """A number in [0, 1) for these whole numbers."""
    return (mix(*parts) >> 11) / (1 << 53)
