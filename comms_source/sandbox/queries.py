"""The parameters of a list request, validated as strictly as the documentation allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from comms_source.channels import STATUSES
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.resources import STATUSES as RESOURCE_STATUSES

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
PARAMETERS: Final = ("startDate", "endDate", "status", "pageToken", "pageSize")
"""The parameters of a list of operations, and all but the filters of a list of resources."""
RESOURCE_FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "messages": ("channel", "profile", "tags"),
    "emails": ("tags",),
    "push_notifications": ("provider", "tags"),
}
"""The further filters of a list of resources, by channel."""
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "channel": ("SMS", "RCS", "WHATSAPP"),
    "provider": ("APN", "FCM"),
}
"""The values of those filters that are a choice."""
_TAGS: Final = re.compile(r"([A-Za-z0-9._~-]{1,128}:[A-Za-z0-9._~-]{1,256};)+")


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
    endpoint: str = "list"
    """`list` for operations, `resources`, or `errors`: the next number counts these."""
    operation_id: str | None = None
    """Resources of this operation only."""
    filters: tuple[tuple[str, str], ...] = ()
    """Further filters of resources, in a fixed order."""


def parse_query(
    parameters: Sequence[tuple[str, str]], *, channel: str, endpoint: str = "list"
) -> tuple[Position, str | None]:
    """The first page of the list that a request asks for, and the page token of the request.

    Args:
        parameters: The names and values of the request.
        channel: The name of the channel.
        endpoint: What is listed: `list` for operations, `resources`, or `errors`.

    Raises:
        BadParameter: for an unknown or repeated name, or an invalid value.
    """
    values: dict[str, str] = {}
    known, statuses = _accepted(channel, endpoint)
    for name, value in parameters:
        if name not in known:
            raise BadParameter(name, f"Unknown parameter {name}.")
        if name in values:
            raise BadParameter(name, f"The parameter {name} is given twice.")
        values[name] = value
    start, end = _date("startDate", values), _date("endDate", values)
    status, size = values.get("status"), values.get("pageSize", str(DEFAULT_PAGE_SIZE))
    if status not in {None, *statuses}:
        raise BadParameter("status", f"status must be one of {', '.join(statuses)}.")
    if not _NUMBER.fullmatch(size) or not 1 <= int(size) <= MAX_PAGE_SIZE:
        raise BadParameter("pageSize", f"pageSize must be from 1 to {MAX_PAGE_SIZE}.")
    first = Position(
        channel,
        None,
        start,
        end,
        status,
        int(size),
        endpoint=endpoint,
        operation_id=values.get("operationId"),
        filters=_filters(channel, values),
    )
    return first, values.get("pageToken")


def _accepted(channel: str, endpoint: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the parameters, and the values of `status`."""
    if endpoint == "resources":
        return ("operationId", *PARAMETERS, *RESOURCE_FILTERS[channel]), RESOURCE_STATUSES[channel]
    return (("pageToken", "pageSize"), ()) if endpoint == "errors" else (PARAMETERS, STATUSES)


def _filters(channel: str, values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    filters = {name: values[name] for name in RESOURCE_FILTERS[channel] if name in values}
    for name, value in filters.items():
        if name in CHOICES and value not in CHOICES[name]:
            raise BadParameter(name, f"{name} must be one of {', '.join(CHOICES[name])}.")
    if "tags" in filters and not _TAGS.fullmatch(filters["tags"]):
        raise BadParameter("tags", "tags must be pairs such as key:value;")
    return tuple(filters.items())


def _date(name: str, values: Mapping[str, str]) -> int | None:
    if name not in values:
        return None
    try:
        instant = datetime.fromisoformat(values[name])
    except ValueError:
        raise BadParameter(name, f"{name} must be a date and time in ISO 8601 format.") from None
    return to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
