"""The parameters of a list request, validated as strictly as the documentation allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from comms_source.channels import STATUSES
from comms_source.sandbox.instants import to_ms

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
PARAMETERS: Final = ("startDate", "endDate", "status", "pageToken", "pageSize")


class BadParameter(ValueError):
    """A parameter that the API refuses; `name` is the name of the parameter."""

    def __init__(self, name: str, message: str, *, code: int | None = None) -> None:
        """Name the parameter and the problem; the default code is that of any bad request."""
        super().__init__(message)
        self.name = name
        self.code = code


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """The start of a page, with its channel and filters; times in milliseconds since the epoch."""

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


def parse_query(
    parameters: Sequence[tuple[str, str]], *, channel: str
) -> tuple[Position, str | None]:
    """The first page of the list that a request asks for, and the page token of the request.

    Raises:
        BadParameter: for an unknown or repeated name, or an invalid value.
    """
    values: dict[str, str] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            raise BadParameter(name, f"Unknown parameter {name}.")
        if name in values:
            raise BadParameter(name, f"The parameter {name} is given twice.")
        values[name] = value
    start, end = _date("startDate", values), _date("endDate", values)
    status, size = values.get("status"), values.get("pageSize", str(DEFAULT_PAGE_SIZE))
    if status not in {None, *STATUSES}:
        raise BadParameter("status", f"status must be one of {', '.join(STATUSES)}.")
    if not _NUMBER.fullmatch(size) or not 1 <= int(size) <= MAX_PAGE_SIZE:
        raise BadParameter("pageSize", f"pageSize must be from 1 to {MAX_PAGE_SIZE}.")
    return Position(channel, None, start, end, status, int(size)), values.get("pageToken")


def _date(name: str, values: Mapping[str, str]) -> int | None:
    if name not in values:
        return None
    try:
        instant = datetime.fromisoformat(values[name])
    except ValueError:
        raise BadParameter(name, f"{name} must be a date and time in ISO 8601 format.") from None
    return to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
