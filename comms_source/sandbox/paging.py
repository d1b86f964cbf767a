"""Page tokens, and the operations of a page. Pure.

A token contains a position in the channel's operations and the filters of its request. It is
encoded, so that clients treat it as opaque, and has a prefix that a search for leaked tokens finds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from comms_source.sandbox.population import Population
from comms_source.sandbox.pseudo_random import fraction, mix
from comms_source.sandbox.queries import BadParameter, Query
from comms_source.sandbox.settings import SandboxSettings

MARK = "sbxtok_"
OUT_OF_RANGE = 20004
"""The error code with which another Twilio API refuses a start before its retention."""


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """The start of a page, with its channel and filters."""

    channel: str
    next_number: int | None
    """The number of the first candidate operation; None for the first page."""
    start: int | None
    end: int | None
    status: str | None
    page_size: int
    after_empty: bool = False
    turn: int = 0
    """Distinguishes tokens of the same page."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The numbers of a page's operations, and the positions of this page and the next."""

    numbers: list[int]
    here: Position
    following: Position | None


def encode(position: Position) -> str:
    """The token for a position."""
    body = msgspec.json.encode(position)
    return MARK + base64.urlsafe_b64encode(_check(body) + body).decode().rstrip("=")


def decode(token: str) -> Position:
    """The position that a token stands for.

    Raises:
        BadParameter: if the token is not from a sandbox.
    """
    try:
        text = token.removeprefix(MARK)
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        position = msgspec.json.decode(raw[6:], type=Position)
    except (ValueError, msgspec.MsgspecError):
        raise BadParameter("pageToken", "The page token is not valid.") from None
    if encode(position) != token:  # base64 has several spellings; only the sandbox's own is valid
        raise BadParameter("pageToken", "The page token is not valid.")
    return position


def position_of(query: Query, *, channel: str, settings: SandboxSettings) -> Position:
    """The position of the page that `query` requests.

    Raises:
        BadParameter: for an invalid token, a token of another channel, or, if tokens are strict, a
            token of another query.
    """
    first = Position(channel, None, query.start, query.end, query.status, query.page_size)
    if query.page_token is None:
        return first
    position = decode(query.page_token)
    is_strict = settings.tokens == "strict"
    fits = first_page(position) == first if is_strict else position.channel == channel
    if not fits:
        raise BadParameter("pageToken", "The page token was made for another request.")
    return position


def check_range(position: Position, *, settings: SandboxSettings, now: int) -> None:
    """Refuse a range that lists cannot show completely, if the settings require it.

    Raises:
        BadParameter: for a start before retention, or an end in the future.
    """
    refused, oldest = settings.out_of_range, now - settings.retention // timedelta(milliseconds=1)
    before = position.start is not None and position.start < oldest
    if before and refused in {"refuse", "refuse_start"}:
        message = "startDate must not be before the retention of operations."
        raise BadParameter("startDate", message, code=OUT_OF_RANGE)
    after = position.end is not None and position.end > now
    if after and refused in {"refuse", "refuse_end"}:
        message = "endDate must not be in the future."
        raise BadParameter("endDate", message, code=OUT_OF_RANGE)


def first_page(position: Position) -> Position:
    """The first page of the list that `position` is part of."""
    return msgspec.structs.replace(position, next_number=None, after_empty=False, turn=0)


def select(
    *, position: Position, population: Population, settings: SandboxSettings, now: int
) -> Selection:
    """The page at `position`, as lists show it at `now`."""
    first, last = _range(position, population, settings, now)
    candidates = _candidates(position, first, last, settings)
    pauses = settings.empty_pages and not position.after_empty and _pauses(position)
    if pauses and candidates:
        at = candidates[0]
        following = msgspec.structs.replace(position, next_number=at, after_empty=True)
        return Selection([], position, following)
    shown = _shown(candidates, position, population, now)
    size = _size(position, settings)
    numbers: list[int] = []
    for number in shown:
        if len(numbers) == size:
            following = msgspec.structs.replace(position, next_number=number, after_empty=False)
            return Selection(numbers, position, following)
        numbers.append(number)
    return Selection(numbers, position, None)


def _range(
    position: Position, population: Population, settings: SandboxSettings, now: int
) -> tuple[int, int]:
    """The range of numbers that match the filters, the end excluded."""
    lowest, end = population.oldest_listed(now), now + 1
    if position.start is not None:
        lowest = max(lowest, position.start + (settings.start_bound == "exclusive"))
    if position.end is not None:
        end = min(end, position.end + (settings.end_bound == "inclusive"))
    return population.first_from(lowest), population.first_from(end)


def _candidates(position: Position, first: int, last: int, settings: SandboxSettings) -> range:
    at = position.next_number
    if settings.order == "ascending":
        return range(first if at is None else max(at, first), last)
    return range(last - 1 if at is None else min(at, last - 1), first - 1, -1)


def _shown(
    candidates: range, position: Position, population: Population, now: int
) -> Iterator[int]:
    for number in candidates:
        if not population.listed(number, now):
            continue
        if position.status and population.show(number, now)["status"] != position.status:
            continue
        yield number


def _pauses(position: Position) -> bool:
    return fraction(position.next_number or 0, position.page_size) < 0.3  # noqa: PLR2004


def _size(position: Position, settings: SandboxSettings) -> int:
    """The maximum number of operations on the page: the page size, or less if pages are short."""
    size = position.page_size
    if not settings.short_pages:
        return size
    return size - mix(position.next_number or 0) % (size // 2 + 1) or 1


def _check(body: bytes) -> bytes:
    return hashlib.blake2s(body, digest_size=6).digest()
