"""Which open operations to request by id. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from comms_source.coverage.policy import Policy

OPEN_STATUSES = ("SCHEDULED", "PROCESSING")


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """An operation that had not ended when it was last read."""

    id: str
    created_at: datetime
    asked_at: datetime


def due_by_id(
    opened: Sequence[OpenOperation], *, now: datetime, policy: Policy
) -> list[OpenOperation]:
    """The operations past retention with a row that is too stale for the policy, oldest first."""
    horizon = now - policy.retention
    gone = [operation for operation in opened if operation.created_at < horizon]
    due = [operation for operation in gone if _is_due(operation, now, policy)]
    return sorted(due, key=lambda operation: (operation.created_at, operation.id))


def _is_due(operation: OpenOperation, now: datetime, policy: Policy) -> bool:
    if policy.refresh == "full":
        return True
    return now - operation.asked_at >= policy.refresh_ratio * (now - operation.created_at)
