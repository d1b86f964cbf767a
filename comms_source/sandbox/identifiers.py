"""Operation ids: the place of an operation in its population, scrambled beyond recognition.

An id is reversible for the sandbox, so that a fetch needs no index of all ids, and opaque for
everybody else: it does not sort by time and does not name its channel. No two places, of whatever
channel, share an id.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

PREFIX: Final = "comms_operation_"

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_LENGTH: Final = 26
_SHIFTS: Final = tuple(range(120, -1, -10))
_BITS: Final = 128
_HALF: Final = 64
_MASK: Final = (1 << _BITS) - 1
_LOW: Final = (1 << _HALF) - 1


class Identifiers:
    """The ids of one channel of one seed."""

    def __init__(self, *, seed: int, channel: int) -> None:
        digest = blake2b(f"{seed}".encode(), digest_size=32).digest()
        self._factor = int.from_bytes(digest[:16], "big") | 1
        self._inverse = pow(self._factor, -1, 1 << _BITS)
        self._offset = int.from_bytes(digest[16:], "big")
        self._channel = channel

    def of(self, place: int) -> str:
        """The id of the operation at a place."""
        return PREFIX + _spell(self._scramble(self._channel << _HALF | place))

    def place(self, operation_id: str) -> int | None:
        """The place that an id stands for, or None if the channel cannot have such an id."""
        number = _read(operation_id)
        if number is None:
            return None
        plain = self._unscramble(number)
        return plain & _LOW if plain >> _HALF == self._channel else None

    def _scramble(self, number: int) -> int:
        mixed = (number ^ self._offset) * self._factor & _MASK
        return (mixed ^ mixed >> _HALF) * self._factor & _MASK

    def _unscramble(self, number: int) -> int:
        mixed = number * self._inverse & _MASK
        return ((mixed ^ mixed >> _HALF) * self._inverse & _MASK) ^ self._offset


def _spell(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def _read(operation_id: str) -> int | None:
    letters = operation_id.removeprefix(PREFIX)
    if not operation_id.startswith(PREFIX) or len(letters) != _LENGTH:
        return None
    number = 0
    for letter in letters:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number << 5 | value
    return number if number <= _MASK else None
