"""What one run reads on one channel: what is due, exactly a range, or a backfill. Pure."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from comms_source.coverage.channel_coverage import ChannelCoverage, ScanResult
from comms_source.coverage.planner import Scan, plan
from comms_source.coverage.policy import Policy
from comms_source.timespans import Span


class ScanPlan(Protocol):
    """Which scans a run takes, and what it remembers of them beside the coverage."""

    @property
    def keeps_coverage(self) -> bool:
        """Whether what was read counts as covered."""

    @property
    def reads_all_due(self) -> bool:
        """Whether nothing is due once all scans have ended."""

    def scans(
        self,
        *,
        coverage: ChannelCoverage,
        state: Mapping[str, Any],
        account: str,
        now: datetime,
        policy: Policy,
    ) -> list[Scan]:
        """The scans, in order; they do not overlap."""

    def note(
        self,
        results: Sequence[ScanResult],
        *,
        state: MutableMapping[str, Any],
        account: str,
        done: bool,
    ) -> None:
        """Remember in `state` which scans ended; `done` if no scan is left and none failed."""


@dataclass(frozen=True, slots=True)
class DueScans:
    """Read what is due."""

    start: datetime | None = None
    """Read nothing created before; by default everything that the API still has."""

    keeps_coverage = True
    reads_all_due = True

    def scans(
        self, *, coverage: ChannelCoverage, now: datetime, policy: Policy, **_: Any
    ) -> list[Scan]:
        """The scans that the planner chooses."""
        return plan(now=now, coverage=coverage, policy=policy, since=self.start)

    def note(self, results: Sequence[ScanResult], **_: Any) -> None:
        """Nothing: the coverage says it all."""


@dataclass(frozen=True, slots=True)
class ExactRange:
    """Read a range, also where it was read before, and leave no state behind."""

    span: Span

    keeps_coverage = False
    reads_all_due = False

    def scans(self, **_: Any) -> list[Scan]:
        """One scan of the range."""
        return [Scan(span=self.span, cuttable=True)]

    def note(self, results: Sequence[ScanResult], **_: Any) -> None:
        """Nothing: a stateless range is read again when it is asked for again."""
