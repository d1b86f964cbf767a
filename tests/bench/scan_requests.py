"""How many requests frequent runs need for their scans, by the planner and the sandbox's rhythm.

`python -m tests.bench.scan_requests [OPERATIONS_A_WEEK ...]` prints a table. There is no HTTP: each
run plans, takes for each scan the pages that its operations fill, and notes it as read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from comms_source.channels import CHANNELS
from comms_source.config.settings import (
    CONCURRENCY,
    PAGE_SIZE,
    REFRESH,
    REFRESH_RATIO,
    RETENTION,
    WINDOW,
)
from comms_source.coverage.channel_coverage import ChannelCoverage, ScanResult
from comms_source.coverage.planner import Scan, pages_for, plan, retained
from comms_source.coverage.policy import Policy
from comms_source.sandbox import SandboxSettings
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.population import GeneratedPopulation
from comms_source.timespans import Span, clip, parse_duration, windows

SIZES: Final = (40, 10_000, 100_000, 1_000_000)
EVENLY: Final = (1 / 3, 1 / 3, 1 / 3)
UNEVENLY: Final = (0.6, 0.3, 0.1)
"""Which share of an account's operations each channel has."""
DAY: Final = timedelta(days=1)
BEGINNING: Final = datetime(2026, 3, 2, tzinfo=UTC)
INTERVAL: Final = timedelta(minutes=15)
DAYS, MEASURED = 10, 2
"""How long the runs last, and of how many days at the end the figures are."""
POLICY: Final = Policy(
    retention=parse_duration(RETENTION),
    window=parse_duration(WINDOW),
    parallel=CONCURRENCY,
    page_size=PAGE_SIZE,
    refresh=REFRESH,
    refresh_ratio=REFRESH_RATIO,
)


@dataclass(slots=True)
class ChannelRequests:
    """What the runs on one channel of an account have requested."""

    population: GeneratedPopulation
    coverage: ChannelCoverage = field(default_factory=ChannelCoverage)
    requests: list[int] = field(default_factory=list)
    """By run."""
    full: list[int] = field(default_factory=list)
    """What reading all that is retained would have taken."""
    _numbers: dict[datetime, int] = field(default_factory=dict)

    def run(self, now: datetime) -> None:
        """Plan a run, and note all its scans as read at once."""
        scans = plan(now=now, coverage=self.coverage, policy=POLICY)
        self.requests.append(sum(self._pages(scan.span) for scan in scans))
        self.full.append(self._pages(Span(now - POLICY.retention, now)))
        within = retained(now=now, policy=POLICY)
        for scan in scans:
            self.coverage.note(self._result(scan, now), within=within, kept=POLICY)
        self.coverage.expire(now=now, kept=POLICY)

    def _pages(self, span: Span) -> int:
        return pages_for(self._rows(span.widened()), POLICY.page_size)

    def _result(self, scan: Scan, now: datetime) -> ScanResult:
        pieces = [clip(window, to=scan.span) for window in windows(scan.span, POLICY.window)]
        rows = {piece.start: self._rows(piece) for piece in pieces if piece}
        return ScanResult(scan.span, began=now, ended=now, rows=rows)

    def _rows(self, span: Span) -> int:
        return self._number(span.end) - self._number(span.start)

    def _number(self, instant: datetime) -> int:
        if instant not in self._numbers:
            self._numbers[instant] = self.population.first_from(to_ms(instant))
        return self._numbers[instant]


def of_account(operations_per_week: int, shares: Sequence[float]) -> list[ChannelRequests]:
    """The channels of an account, each with its share of the operations."""
    return [
        ChannelRequests(
            GeneratedPopulation(
                channel,
                SandboxSettings(
                    operations_per_week={channel.name: round(operations_per_week * share)}
                ),
            )
        )
        for channel, share in zip(CHANNELS.values(), shares, strict=True)
    ]


def simulate(channels: Sequence[ChannelRequests]) -> None:
    """Run each quarter of an hour for `DAYS`; the first run reads all that is retained."""
    for turn in range(DAYS * (DAY // INTERVAL)):
        for channel in channels:
            channel.run(BEGINNING + turn * INTERVAL)


def figures(channels: Sequence[ChannelRequests], *, runs: int) -> tuple[float, float, float]:
    """Requests a run, those of a full read, and their ratio; means of the last `runs` runs."""
    requests = sum(sum(channel.requests[-runs:]) for channel in channels) / runs
    full = sum(sum(channel.full[-runs:]) for channel in channels) / runs
    return requests, full, full / requests


def table(sizes: Sequence[int]) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| operations a week | channels | requests a run | of a full read | ratio |"
    yield "| --: | --- | --: | --: | --: |"
    for size in sizes:
        for shares in (EVENLY, UNEVENLY):
            channels = of_account(size, shares)
            simulate(channels)
            requests, full, ratio = figures(channels, runs=MEASURED * (DAY // INTERVAL))
            parts = "/".join(f"{100 * share:.0f}" for share in shares)
            yield f"| {size:,} | {parts} | {requests:,.2f} | {full:,.1f} | {ratio:.2f} |"


def main() -> None:
    """Print the table for the sizes on the command line."""
    for line in table([int(size) for size in sys.argv[1:]] or SIZES):
        print(line, flush=True)  # noqa: T201 - a script


if __name__ == "__main__":
    main()
