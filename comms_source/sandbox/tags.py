"""The tags of what an operation sends. Pure.

A fifth of the operations have none, and a tenth have one more tag that differs by recipient.
"""

from __future__ import annotations

from typing import Final

from comms_source.sandbox.pseudo_random import fraction, mix

CAMPAIGNS: Final = (
    ("spring-sale", "marketing"),
    ("newsletter_2026.11", "marketing"),
    ("order-updates", "shop"),
    ("appointment-reminders", "service"),
    ("win-back~test", "growth"),
)
"""Campaigns, each with the team that it belongs to."""

SEGMENTS: Final = ("new", "regular", "vip")

# Salts; those up to 110 are used elsewhere.
_TAGGED: Final = 111
_CAMPAIGN: Final = 112
_SEGMENT: Final = 113


def tags_of(key: int) -> dict[str, str]:
    """The tags that everything sent by the operation with this key has."""
    if fraction(key, _TAGGED) < 0.2:  # noqa: PLR2004
        return {}
    campaign, team = CAMPAIGNS[mix(key, _CAMPAIGN) % len(CAMPAIGNS)]
    return {"campaign": campaign, "team": team}


def has_segments(key: int) -> bool:
    """Whether the operation with this key has a tag that differs by recipient."""
    return fraction(key, _TAGGED) >= 0.9  # noqa: PLR2004


def segment_of(person: int) -> dict[str, str]:
    """The tag of this recipient."""
    return {"segment": SEGMENTS[mix(person, _SEGMENT) % len(SEGMENTS)]}
