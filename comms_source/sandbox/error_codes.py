"""Why a resource failed or was undelivered: error codes and their weights. Pure.

Messages have the documented codes of Twilio's messaging. Pushes have those of Twilio Notify for
device tokens. No code of an email is documented, so emails have the reply codes of SMTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Final

from comms_source.sandbox.pseudo_random import fraction

NO_RCS: Final = 61337
"""The first of two attempts fails with this code."""

_TEXTS: Final = {
    421: "The mail server of the recipient is not available.",
    452: "The mailbox of the recipient is full.",
    550: "The mailbox of the recipient does not exist.",
    554: "The email was refused.",
    21610: "The recipient has opted out.",
    30003: "The handset cannot be reached.",
    30005: "The handset is unknown or no longer in service.",
    30006: "The number is a landline, or its carrier cannot be reached.",
    30007: "The message was filtered.",
    30008: "Unknown error.",
    30034: "The message comes from an unregistered number.",
    52102: "The registration token is not valid.",
    52134: "The device token is not valid.",
    61337: "The recipient does not have RCS.",
    63003: "The address of the recipient was not found.",
    63016: "A message outside of the allowed window needs a template.",
    63024: "The recipient is not valid.",
}

_WEIGHTS: Final[Mapping[str, Mapping[str, Sequence[tuple[int, int]]]]] = {
    "FAILED": {
        "SMS": ((30034, 5), (21610, 3), (30007, 2)),
        "RCS": ((21610, 3), (30007, 2)),
        "WHATSAPP": ((63016, 3), (63024, 2)),
        "EMAIL": ((554, 1),),
        "FCM": ((52102, 1),),
        "APN": ((52134, 1),),
    },
    "UNDELIVERED": {
        "SMS": ((30003, 5), (30005, 3), (30006, 1), (30008, 1)),
        "RCS": ((30003, 5), (30008, 1)),
        "WHATSAPP": ((63003, 1), (63024, 1)),
        "EMAIL": ((550, 6), (452, 3), (421, 1)),
    },
}
"""Codes and weights by status, and by what carries the resource."""


def error_of(code: int) -> dict[str, Any]:
    """The error as the API shows it."""
    url = f"https://twilio.com/docs/api/errors/{code}"
    return {"code": code, "message": _TEXTS[code], "infoUrl": url}


def code_of(status: str, carrier: str, *parts: int) -> int:
    """The code of a failed or undelivered resource, chosen by these parts.

    Args:
        status: FAILED or UNDELIVERED.
        carrier: SMS, RCS, WHATSAPP, EMAIL, FCM or APN.
        parts: What the choice depends on.
    """
    codes, bounds = _bounds(status, carrier)
    roll = fraction(*parts) * bounds[-1]
    return next(code for code, bound in zip(codes, bounds, strict=True) if roll < bound)


@cache
def _bounds(status: str, carrier: str) -> tuple[list[int], list[int]]:
    codes, weights = zip(*_WEIGHTS[status][carrier], strict=True)
    return list(codes), list(accumulate(weights))
