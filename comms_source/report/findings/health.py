"""How fresh and how complete the data of a channel is, over all its accounts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from comms_source.config.settings import Settings
from comms_source.report.data.facts import AccountHealth, ChannelFacts, ReportContext

LONGEST_RUN: Final = timedelta(hours=36)
"""After this time a run that still says `running` counts as one that died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The minimum over the accounts for times, and the sums for counts.

    Times are over the accounts that are still loaded, or over all if none is.
    """

    is_loaded: bool
    """Whether any account still loads the channel, as far as the configuration tells."""
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
    """The rows that could not be read, and are neither resolved nor acknowledged."""
    active_by_id: int
    not_found: int
    runs: int
    troubled_runs: int
    failed_accounts: Sequence[str]
    """The accounts whose last run was not complete, and is not in progress."""


def health_of(facts: ChannelFacts, context: ReportContext) -> Health | None:
    """The health of a channel; None if it was never read."""
    accounts, now = facts.health, context.at
    if not accounts:
        return None
    loaded = [each for each in accounts if _is_loaded(each, facts.channel, context)]
    timed = loaded or accounts
    read = [each.last_synced_at for each in timed if each.last_synced_at]
    freezing = [each.hours_to_freeze for each in timed if each.hours_to_freeze is not None]
    left = [each.hours_to_deadline for each in timed if each.hours_to_deadline is not None]
    sums: dict[str, Any] = {
        name: sum(getattr(each, name) for each in accounts)
        for name in (
            *("gaps", "gap_hours", "rejected", "active_by_id", "not_found"),
            *("runs", "troubled_runs"),
        )
    }
    return Health(
        is_loaded=bool(loaded),
        last_synced_at=min(read, default=None),
        deadline=now + timedelta(hours=min(left)) if left else None,
        freezes_at=now + timedelta(hours=min(freezing)) if freezing else None,
        without_cover=sorted(each.account for each in timed if each.hours_to_deadline is None),
        failed_accounts=sorted(each.account for each in timed if _has_failed(each, now=now)),
        **sums,
    )


def _is_loaded(health: AccountHealth, channel: str, context: ReportContext) -> bool:
    """Whether an account still loads a channel.

    Not if the configuration names its accounts, or the account's channels, without it, and it had
    no run for `alert_days`. Another machine may load it by another configuration.
    """
    if context.configured is None:
        return True
    found = {each.name: each.found for each in context.configured.selected}
    own = found.get(health.account)
    if isinstance(own, Settings):
        is_configured = channel in own.channels
    else:  # With an error in its settings, or not there.
        is_configured = health.account in found or not context.configured.several
    lately = context.at - timedelta(days=context.settings.alert_days)
    return is_configured or (health.last_run_at is not None and health.last_run_at >= lately)


def _has_failed(health: AccountHealth, *, now: datetime) -> bool:
    """Whether the last run was not complete; a run in progress may still be."""
    if health.last_run_outcome == "running" and health.last_run_at is not None:
        return now - health.last_run_at > LONGEST_RUN
    return health.last_run_outcome not in {"complete", None}
