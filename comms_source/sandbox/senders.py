"""Who sends: the account's made-up senders and sender pools. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from comms_source.sandbox.ids import made_up_id
from comms_source.sandbox.lifecycles import Lifecycle
from comms_source.sandbox.pseudo_random import fraction, mix

POOLS: Final = 4
NUMBERS: Final = 3
"""How many phone numbers a pool sends from."""

_EMAILS: Final = (
    ("news@example.com", "Example News"),
    ("orders@example.com", "Example Orders"),
    ("support@example.com", "Example Support"),
)
_APPS: Final = ("example_shop", "example_club")

# Salts; those up to 107 are used elsewhere.
_POOL: Final = 108
_SENDER: Final = 109
_SUBCHANNEL: Final = 110


def subchannel_of(life: Lifecycle, key: int) -> str:
    """SMS, RCS or WHATSAPP; an operation of messages that falls back to SMS begins with RCS."""
    if life.kind == "group":
        return "SMS"
    if life.fallback:
        return "RCS"
    roll = fraction(key, _SUBCHANNEL)
    return "SMS" if roll < 0.7 else "RCS" if roll < 0.8 else "WHATSAPP"  # noqa: PLR2004


def message_sender(*, seed: int, key: int, subchannel: str, index: int) -> dict[str, Any]:
    """The sender of a message: a phone number of the operation's pool, or the pool's RCS sender."""
    pool = mix(key, _POOL) % POOLS
    place = {"RCS": 8, "WHATSAPP": 9}.get(subchannel, index % NUMBERS)
    return _in_pool(seed, pool, subchannel, place)


def email_sender(key: int) -> dict[str, Any]:
    """The sender of an operation's emails."""
    address, name = _EMAILS[mix(key, _SENDER) % len(_EMAILS)]
    return {"address": address, "name": name}


def push_sender(key: int) -> dict[str, Any]:
    """The app that an operation's push notifications are sent by."""
    return {"address": _APPS[mix(key, _SENDER) % len(_APPS)], "channel": "PUSH"}


@lru_cache(maxsize=256)
def _in_pool(seed: int, pool: int, subchannel: str, place: int) -> dict[str, Any]:
    number = f"+150055500{pool}{place}"
    return {
        "address": f"example_brand_{pool}" if subchannel == "RCS" else number,
        "channel": subchannel,
        "senderId": made_up_id("comms_sender_", seed, _SENDER, pool, place),
        "senderPoolId": made_up_id("comms_senderpool_", seed, _POOL, pool),
    }
