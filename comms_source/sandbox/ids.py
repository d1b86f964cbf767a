"""The digits of made-up ids, in the alphabet of the API's ids. Pure."""

from __future__ import annotations

import base64
from typing import Final

from comms_source.sandbox.pseudo_random import mix

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
DIGITS: Final = 25
_BASE_32: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
_TO_ALPHABET: Final = str.maketrans(_BASE_32, ALPHABET)
_FROM_ALPHABET: Final = str.maketrans(ALPHABET, _BASE_32)


def to_digits(value: int) -> str:
    """125 bits as `DIGITS` digits of `ALPHABET`, the most significant first."""
    raw = (value << 3).to_bytes(16, "big")
    return base64.b32hexencode(raw).decode()[:DIGITS].translate(_TO_ALPHABET)


def number_in(digits: str) -> int | None:
    """The number that these digits of `ALPHABET` stand for; None if there are others, or none."""
    if not digits or not set(digits) <= set(ALPHABET):
        return None
    return int(digits.translate(_FROM_ALPHABET), 32)


def made_up_id(prefix: str, *parts: int) -> str:
    """An id that is a pure function of its parts."""
    return f"{prefix}0{to_digits(mix(*parts) << 61 | mix(*parts, 1) >> 3)}"
