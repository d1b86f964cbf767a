"""Page tokens, and what is on a page. Pure.

A token contains a position in what the list shows and the filters of its request. It is
binary in base64url, as live tokens are, and has a prefix that a search for leaked tokens finds.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice

import msgspec
from msgspec.structs import replace

from comms_source.sandbox.population import Population
from comms_source.sandbox.pseudo_random import fraction, mix
from comms_source.sandbox.queries import BadParameter, Position
from comms_source.sandbox.settings import SandboxSettings

MARK = "sbxtok_"
OUT_OF_RANGE = 20004
"""The error code with which another Twilio API refuses a start before its retention."""


def encode(position: Position) -> str:
    """The token for a position."""
    body = msgspec.msgpack.encode(position)
    check = hashlib.blake2s(body, digest_size=6).digest()
    return MARK + base64.urlsafe_b64encode(check + body).decode().rstrip("=")


def decode(token: str) -> Position:
    """The position that a token stands for.

    Raises:
        BadParameter: if the token is not from a sandbox.
    """
    text = token.removeprefix(MARK)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        position = msgspec.msgpack.decode(raw[6:], type=Position)
    except ValueError:
        position = None
    # base64 has several spellings; only the sandbox's own is valid.
    if position is None or encode(position) != token:
        raise BadParameter("pageToken", "The page token is not valid.")
    return position


def position_of(first: Position, token: str | None, *, settings: SandboxSettings) -> Position:
    """The position of the page that a request asks for.

    Args:
        first: The first page of its list.
        token: Its page token.
        settings: Whether tokens are strict.

    Raises:
        BadParameter: for an invalid token, a token of another list, or, if tokens are strict, a
            token of another query.
    """
    if token is None:
        return first
    position = decode(token)
    beginning = replace(position, next_number=None, after_empty=False, turn=0)
    is_strict = settings.tokens == "strict"
    is_other_list = (position.channel, position.endpoint) != (first.channel, first.endpoint)
    if (is_strict and beginning != first) or is_other_list:
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


def select(
    *, position: Position, population: Population, settings: SandboxSettings, now: int
) -> tuple[list[int], Position | None]:
    """The numbers of the operations on a page, as lists show it at `now`, and the next page."""
    status = position.status

    def matches(number: int) -> bool:
        return population.listed(number, now) and (
            status is None or population.show(number, now)["status"] == status
        )

    operations = operations_between(
        position,
        population,
        settings,
        oldest=population.oldest_listed(now),
        newest=now,
    )
    return cut(position, from_place(operations, position, settings), matches, settings)


def operations_between(
    position: Position,
    population: Population,
    settings: SandboxSettings,
    *,
    oldest: int,
    newest: int,
) -> range:
    """The numbers of the operations that match the filters of time, oldest first.

    Args:
        position: The filters; an operation that they let through must match the limits too.
        population: The operations of the channel.
        settings: Whether the bounds of a filter belong to its range.
        oldest: The first creation time, in milliseconds.
        newest: The last creation time, in milliseconds.
    """
    lowest, end = oldest, newest + 1
    if position.start is not None:
        lowest = max(lowest, position.start + (settings.start_bound == "exclusive"))
    if position.end is not None:
        end = min(end, position.end + (settings.end_bound == "inclusive"))
    return range(population.first_from(lowest), population.first_from(end))


def from_place(numbers: range, position: Position, settings: SandboxSettings) -> range:
    """The numbers from the position on, in the order of lists."""
    at = position.next_number
    if settings.order == "ascending":
        return numbers if at is None else range(max(at, numbers.start), numbers.stop)
    last = numbers.stop - 1 if at is None else min(at, numbers.stop - 1)
    return range(last, numbers.start - 1, -1)


def cut(
    position: Position,
    candidates: Iterable[int],
    matches: Callable[[int], bool],
    settings: SandboxSettings,
) -> tuple[list[int], Position | None]:
    """The numbers on the page at a position, and the next page.

    Args:
        position: The page.
        candidates: The numbers from the position on, in the order of the list.
        matches: Whether a number belongs into the list.
        settings: Whether there are short and empty pages.
    """
    left = iter(candidates)
    pauses = fraction(position.next_number or 0, position.page_size) < 0.3  # noqa: PLR2004
    if settings.empty_pages and pauses and not position.after_empty:
        first = next(left, None)
        if first is not None:
            return [], replace(position, next_number=first, after_empty=True)
    size = position.page_size
    if settings.short_pages:
        size = size - mix(position.next_number or 0) % (size // 2 + 1) or 1
    shown = filter(matches, left)
    numbers = list(islice(shown, size))
    more = next(shown, None)
    following = replace(position, next_number=more, after_empty=False)
    return numbers, None if more is None else following
