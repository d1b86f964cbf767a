"""The parameters of a list request, validated as strictly as the documentation allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Query:
    """A validated list request; times in milliseconds since the epoch."""

    start: int | None
    end: int | None
    status: str | None
    page_size: int
    page_token: str | None


def parse_query(parameters: Sequence[tuple[str, str]]) -> Query:
    """Validate the parameters of a list request.

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
    return Query(
        start=_date("startDate", values),
        end=_date("endDate", values),
        status=_status(values),
        page_size=_page_size(values),
        page_token=values.get("pageToken"),
    )


def _date(name: str, values: dict[str, str]) -> int | None:
    if name not in values:
        return None
    try:
        instant = datetime.fromisoformat(values[name])
    except ValueError:
        raise BadParameter(name, f"{name} must be a date and time in ISO 8601 format.") from None
    return to_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _status(values: dict[str, str]) -> str | None:
    status = values.get("status")
    if status is not None and status not in STATUSES:
        raise BadParameter("status", f"status must be one of {', '.join(STATUSES)}.")
    return status


def _page_size(values: dict[str, str]) -> int:
    text = values.get("pageSize", str(DEFAULT_PAGE_SIZE))
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_PAGE_SIZE:
        raise BadParameter("pageSize", f"pageSize must be from 1 to {MAX_PAGE_SIZE}.")
    return int(text)
