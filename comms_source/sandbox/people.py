"""Made-up people and how to reach them. Pure.

The account has a fixed number of people, and each operation reaches some of them. So a person is in
several operations and channels. Everything that belongs to a person has a mark that occurs nowhere
else, so that a search finds where it leaked to.
"""

from __future__ import annotations

import re
from typing import Final

from comms_source.sandbox.pseudo_random import mix

PEOPLE: Final = 40_009
"""How many people there are; a prime, and more than an operation has recipients."""

PRIVATE_DATA: Final = re.compile(
    r"1[2-9]\d\d55501\d\d|sbxperson|sbxdevice_|sbxbody|mem_profile_0sbx", re.IGNORECASE
)
"""What the phone numbers, addresses, names, device tokens, profiles and bodies have in common."""

MEMORY_STORE: Final = f"mem_store_{0:026}"

# A salt for device tokens; those up to 106 are used elsewhere.
_DEVICE: Final = 107


def recipient(key: int, index: int) -> int:
    """The person at an index of the operation with this key: another one at each index."""
    return (key + index * (1 + key // PEOPLE % (PEOPLE - 1))) % PEOPLE


def phone_of(person: int) -> str:
    """The person's phone number, in a range that is reserved for fiction."""
    return f"+1{200 + person // 100}55501{person % 100:02}"


def email_of(person: int) -> str:
    """The person's e-mail address, at a domain that is reserved for examples."""
    return f"sbxperson{person}@example.org"


def name_of(person: int) -> str:
    """The person's name."""
    return f"Sbxperson {person}"


def profile_of(person: int) -> str:
    """The id of the person's profile."""
    return f"mem_profile_0sbx{person:022}"


def device_of(person: int) -> dict[str, str]:
    """The person's device: its token, and the provider that reaches it."""
    provider = "APN" if person % 2 else "FCM"
    return {"token": f"sbxdevice_{mix(person, _DEVICE):016x}", "provider": provider}
