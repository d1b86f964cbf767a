"""What the next load would ask for, and why, without asking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import dlt

from comms_source.channels import Channel
from comms_source.config.accounts import one_account
from comms_source.config.settings import Settings
from comms_source.coverage.channel_coverage import ChannelCoverage
from comms_source.coverage.details import NEEDS, DetailsPlan
from comms_source.coverage.open_operations import OpenOperation, due_by_id
from comms_source.coverage.planner import Scan
from comms_source.coverage.planner import plan as plan_scans
from comms_source.coverage.stored_channel import StoredChannel
from comms_source.destinations.dlt_errors import retry_while_locked
from comms_source.destinations.pipeline import dataset_exists, open_pipeline
from comms_source.destinations.stored_account import stored_channels
from comms_source.destinations.stored_details import details_plan
from comms_source.errors import COMPLETE
from comms_source.timespans import SECOND, Span, align_down, to_iso, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """What a load would do on one channel."""

    channel: str
    scans: Sequence[Scan]
    by_id: Sequence[OpenOperation]
    gaps: Sequence[Span]
    page_size: int
    details: DetailsPlan | None = None
    """What it would read of details, by what is loaded now; None where none are asked for."""

    @property
    def requests(self) -> int:
        """How many requests that takes, as far as row counts are known; details not included."""
        return sum(scan.pages(self.page_size) for scan in self.scans) + len(self.by_id)

    @property
    def is_known(self) -> bool:
        """Whether all row counts are known, so that `requests` is more than a lower bound."""
        return not any(scan.cuttable for scan in self.scans)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "requests": self.requests,
            "is_known": self.is_known,
            "scans": [
                {
                    "start": to_iso(scan.span.start),
                    "end": to_iso(scan.span.end),
                    "reasons": list(scan.reasons),
                    "rows": scan.rows,
                    "requests": scan.pages(self.page_size),
                }
                for scan in self.scans
            ],
            "by_id": [operation.id for operation in self.by_id],
            "gaps": [{"start": to_iso(gap.start), "end": to_iso(gap.end)} for gap in self.gaps],
            "details": None if self.details is None else _details_as_dict(self.details),
        }


def _details_as_dict(details: DetailsPlan) -> dict[str, int]:
    return {
        "requests": details.requests,
        "operations": len(details.due),
        **{need: details.count(need) for need in NEEDS},
        "waiting": len(details.waiting),
        "expired": len({operation.id for operation, _ in details.expired}),
    }


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load of one account would request."""

    channels: Sequence[ChannelPlan]

    @property
    def exit_code(self) -> int:
        """0: a plan is always complete."""
        return COMPLETE

    def as_dict(self) -> dict[str, Any]:
        """The same for machines, by channel."""
        return {plan.channel: plan.as_dict() for plan in self.channels}


def plan(
    account: str | None = None,
    *,
    channels: Sequence[str] | None = None,
    full: bool = False,
    destination: str | None = None,
    dataset: str | None = None,
) -> LoadPlan:
    """What the next load of one account would request and why, without calling the API.

    Needs no credentials.

    Args:
        account: Which account; not needed where the configuration has one.
        channels: Which of its channels; by default all that it is configured for.
        full: Plan a load that re-reads everything.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset; by default the one that is configured, or `comms`.

    Raises:
        ConfigurationError: if a setting is wrong.
        RunStopped: if the destination cannot be asked.
    """
    chosen = one_account(
        account,
        channels=channels,
        refresh="full" if full else None,
        needs_credentials=False,
    )
    pipeline = open_pipeline(
        destination=destination, dataset=dataset, account=chosen.section, read_only=True
    )
    return LoadPlan(plan_load(settings=chosen.settings, pipeline=pipeline, now=utc_now()))


def plan_load(*, settings: Settings, pipeline: dlt.Pipeline, now: datetime) -> list[ChannelPlan]:
    """What a load at `now` would ask for; a dead run's package is not counted in.

    Raises:
        RunStopped: if the destination cannot be asked.
    """
    stored: Mapping[str, tuple[ChannelCoverage, StoredChannel]] = {}
    details: DetailsPlan | None = None
    if retry_while_locked(dataset_exists)(pipeline):
        stored = retry_while_locked(stored_channels)(pipeline, settings=settings, now=now)
        if settings.details:
            details = retry_while_locked(details_plan)(pipeline, settings=settings, now=now)
    plans = [
        _plan(
            channel,
            *stored.get(channel.name, (ChannelCoverage(), StoredChannel())),
            settings=settings,
            now=align_down(now, SECOND),
        )
        for channel in settings.selected
    ]
    return [replace(plan, details=details and details.of(plan.channel)) for plan in plans]


def _plan(
    channel: Channel,
    coverage: ChannelCoverage,
    stored: StoredChannel,
    *,
    settings: Settings,
    now: datetime,
) -> ChannelPlan:
    policy = settings.policy
    gaps = coverage.expire(now=now, kept=policy)
    coverage.drop_stale_parts(now=now, ratio=policy.refresh_ratio)
    return ChannelPlan(
        channel=channel.name,
        scans=plan_scans(now=now, coverage=coverage, policy=policy),
        by_id=due_by_id(stored.opened, now=now, policy=policy),
        gaps=gaps,
        page_size=settings.page_size,
    )
