"""What the next load would ask for, and why, without asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt

from comms_source.channels import Channel
from comms_source.coverage import Ledger
from comms_source.following import OpenOperation, due_by_id
from comms_source.ledgers import stored_ledgers
from comms_source.open_operations import open_operations
from comms_source.packages import patient
from comms_source.planner import Walk, plan
from comms_source.settings import Settings
from comms_source.warehouse import reach
from comms_source.windows import SECOND, Span, align_down, to_iso


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """What a load would do on one channel."""

    channel: str
    walks: Sequence[Walk]
    by_id: Sequence[OpenOperation]
    gaps: Sequence[Span]
    page_size: int

    @property
    def requests(self) -> int:
        """How many requests that takes, as far as row counts are known."""
        return sum(walk.pages(self.page_size) for walk in self.walks) + len(self.by_id)

    @property
    def is_known(self) -> bool:
        """Whether all row counts are known, so that `requests` is more than a lower bound."""
        return not any(walk.cuttable for walk in self.walks)

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "requests": self.requests,
            "is_known": self.is_known,
            "walks": [
                {
                    "start": to_iso(walk.span.start),
                    "end": to_iso(walk.span.end),
                    "reasons": list(walk.reasons),
                    "rows": walk.rows,
                    "requests": walk.pages(self.page_size),
                }
                for walk in self.walks
            ],
            "by_id": [operation.id for operation in self.by_id],
            "gaps": [{"start": to_iso(gap.start), "end": to_iso(gap.end)} for gap in self.gaps],
        }


def plan_load(*, settings: Settings, pipeline: dlt.Pipeline, now: datetime) -> list[ChannelPlan]:
    """What a load at `now` would ask for; a dead run's package is not counted in.

    Raises:
        RunStopped: if the destination cannot be asked.
    """
    known = patient(reach)(pipeline)
    channels, account = settings.selected, settings.account
    read = patient(stored_ledgers)
    ledgers = read(pipeline, channels=channels, account=account) if known else {}
    return [
        _plan(
            channel,
            ledgers.get(channel.name),
            settings=settings,
            pipeline=pipeline,
            now=align_down(now, SECOND),
        )
        for channel in channels
    ]


def _plan(
    channel: Channel,
    stored: Ledger | None,
    *,
    settings: Settings,
    pipeline: dlt.Pipeline,
    now: datetime,
) -> ChannelPlan:
    policy, account = settings.policy, settings.account
    ledger = stored or Ledger()
    gaps = ledger.fold(now=now, kept=policy)
    ledger.drop_stale_parts(now=now, ratio=policy.refresh_ratio)
    before = now - policy.retention
    opened = (
        patient(open_operations)(pipeline, channel=channel, account=account, before=before)
        if stored
        else ()
    )
    return ChannelPlan(
        channel=channel.name,
        walks=plan(now=now, ledger=ledger, policy=policy),
        by_id=due_by_id(opened, now=now, policy=policy),
        gaps=gaps,
        page_size=settings.page_size,
    )
