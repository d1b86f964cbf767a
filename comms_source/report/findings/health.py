"""How fresh and how complete the data of a channel is, over all its accounts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from comms_source.report.data.facts import AccountHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The minimum over the accounts for times, and the sums for counts."""

    last_synced_at: datetime | None
    """When the stalest account was last read."""
    deadline: datetime | None
    """The next run must read before this time, or creation time is lost; None if nothing is
    complete."""
    freezes_at: datetime | None
    """The next run must read before this time, or figures freeze that may have changed; None if
    every figure was read in its last day."""
    without_cover: Sequence[str]
    """The accounts without any complete window within retention."""
    gaps: int
    gap_hours: float
    rejected: int
    active_by_id: int
    not_found: int
    runs: int
    troubled_runs: int
    failed_accounts: Sequence[str]
    """The accounts whose last run was not complete."""


def health_of(accounts: Sequence[AccountHealth], *, now: datetime) -> Health | None:
    """The health of a channel; None if it was never read."""
    if not accounts:
        return None
    read = [each.last_synced_at for each in accounts if each.last_synced_at]
    freezing = [each.hours_to_freeze for each in accounts if each.hours_to_freeze is not None]
    left = [each.hours_to_deadline for each in accounts if each.hours_to_deadline is not None]
    return Health(
        last_synced_at=min(read, default=None),
        deadline=now + timedelta(hours=min(left)) if left else None,
        freezes_at=now + timedelta(hours=min(freezing)) if freezing else None,
        without_cover=_names(each for each in accounts if each.hours_to_deadline is None),
        gaps=sum(each.gaps for each in accounts),
        gap_hours=sum(each.gap_hours for each in accounts),
        rejected=sum(each.rejected for each in accounts),
        active_by_id=sum(each.active_by_id for each in accounts),
        not_found=sum(each.not_found for each in accounts),
        runs=sum(each.runs for each in accounts),
        troubled_runs=sum(each.troubled_runs for each in accounts),
        failed_accounts=_names(
            each for each in accounts if each.last_run_outcome not in {"complete", None}
        ),
    )


def _names(accounts: Iterable[AccountHealth]) -> list[str]:
    return sorted(each.account for each in accounts)
