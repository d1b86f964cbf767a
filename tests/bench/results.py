"""The results of the runs: medians, extrapolated for participants that read fewer operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tests.bench.participants import FLOOR, OURS
from tests.bench.rounds import Entry, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The medians of a participant's valid runs; None if there are none."""

    participant: str
    versions: Mapping[str, str]
    operations: int
    """How many operations it was to read."""
    extrapolated_to: int | None
    """The number of operations that the figures are extrapolated to, if they are."""
    runs: int
    seconds: float | None
    times_floor: float | None = None
    times_ours: float | None = None
    cpu_seconds: float | None
    server_cpu_seconds: float | None
    peak_mb: float | None
    """As measured; memory is not extrapolated."""
    note: str
    errors: Sequence[str]
    """Why runs are not valid, if any are not."""


def results(entries: Sequence[Entry], *, operations: int) -> list[Result]:
    """One result per participant, in the given order, for this number of operations."""
    made = [_result(entry, operations=operations) for entry in entries]
    seconds = {result.participant: result.seconds for result in made}
    return [
        replace(
            result,
            times_floor=_ratio(result.seconds, seconds.get(FLOOR)),
            times_ours=_ratio(result.seconds, seconds.get(OURS)),
        )
        for result in made
    ]


def _result(entry: Entry, *, operations: int) -> Result:
    good = [run for run in entry.runs if run.wrong is None]
    factor = operations / entry.operations
    return Result(
        participant=entry.participant.name,
        versions=_versions(entry.runs),
        operations=entry.operations,
        extrapolated_to=operations if operations != entry.operations else None,
        runs=len(good),
        seconds=_median((run.measured.seconds for run in good), factor=factor),
        cpu_seconds=_median((run.measured.cpu_seconds for run in good), factor=factor),
        server_cpu_seconds=_median((run.server_cpu_seconds for run in good), factor=factor),
        peak_mb=_median(run.measured.peak_mb for run in good),
        note=entry.participant.note,
        errors=[run.wrong for run in entry.runs if run.wrong],
    )


def _versions(runs: Sequence[Run]) -> Mapping[str, str]:
    versions = [run.outcome.versions for run in runs if run.outcome]
    return versions[0] if versions else {}


def _median(figures: Iterable[float | None], *, factor: float = 1) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return median(known) * factor if known else None


def _ratio(seconds: float | None, of: float | None) -> float | None:
    return seconds / of if seconds is not None and of else None
