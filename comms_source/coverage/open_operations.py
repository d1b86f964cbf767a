"""Operations that have not ended: which of them to ask for by id. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from comms_source.coverage.policy import Policy

OPEN_STATUSES = ("SCHEDULED", "PROCESSING")


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """An operation that had not ended when the API was last asked."""

    id: str
    created_at: datetime
    asked_at: datetime


def due_by_id(
    opened: Sequence[OpenOperation], *, now: datetime, policy: Policy
) -> list[OpenOperation]:
    """Those past retention whose row is staler than the policy allows; the oldest first."""
    horizon = now - policy.retention
    gone = [operation for operation in opened if operation.created_at < horizon]
    due = [operation for operation in gone if _is_due(operation, now, policy)]
    return sorted(due, key=lambda operation: (operation.created_at, operation.id))


def _is_due(operation: OpenOperation, now: datetime, policy: Policy) -> bool:
    if policy.refresh == "full":
        return True
    return now - operation.asked_at >= policy.refresh_ratio * (now - operation.created_at)
