"""What became of what was asked for, stage by stage. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from comms_source.report.sums import Share, Sums

Kind = Literal["stage", "loss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Resources that came this far, at least and at most, or were lost here."""

    name: str
    kind: Kind
    low: int
    high: int
    share: Share | None
    """Of all resources."""
    told: int
    """How many operations tell; fewer than all make the numbers lower bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """The stages that are known, and the names of those that are not."""

    operations: int
    stages: Sequence[Stage]
    unknown: Sequence[str]

    @property
    def partial(self) -> list[Stage]:
        """The stages that not all operations tell."""
        return [stage for stage in self.stages if stage.told < self.operations]


_Row = tuple[str, Kind, str]
_ASKED: Final[_Row] = ("asked for", "stage", "resources")
_MISSED: Final[tuple[_Row, ...]] = (
    ("undelivered", "loss", "undelivered"),
    ("failed", "loss", "failed"),
    ("canceled", "loss", "canceled"),
)
_STAGES: Final[dict[str, tuple[_Row, ...]]] = {
    "messages": (
        _ASKED,
        ("attempted", "stage", "attempted"),
        ("reached", "stage", "reached"),
        ("read", "stage", "engaged"),
        *_MISSED,
    ),
    "emails": (
        _ASKED,
        ("attempted", "stage", "attempted"),
        ("reached", "stage", "reached"),
        ("opened", "stage", "engaged"),
        *_MISSED,
    ),
    "push_notifications": (_ASKED, ("accepted", "stage", "sent"), *_MISSED[1:]),
}
"""The stages that a channel can tell, and which sum tells each."""


def funnel_of(channel: str, sums: Sums) -> Funnel:
    """The stages of a channel; a stage that no operation tells is not drawn but named."""
    stages = {name: _stage(name, kind, column, sums) for name, kind, column in _STAGES[channel]}
    return Funnel(
        operations=sums.operations,
        stages=[stage for stage in stages.values() if stage],
        unknown=[name for name, stage in stages.items() if stage is None],
    )


def _stage(name: str, kind: Kind, column: str, sums: Sums) -> Stage | None:
    ends = ("reached_low", "reached_high") if column == "reached" else (column, column)
    low, high = (getattr(sums, end) for end in ends)
    if low is None or high is None:
        return None
    return Stage(
        name=name,
        kind=kind,
        low=low,
        high=high,
        share=_share(low, high, sums.resources),
        told=getattr(sums, f"{column}_known"),
    )


def _share(low: int, high: int, whole: int | None) -> Share | None:
    return Share(min(1.0, low / whole), min(1.0, high / whole)) if whole else None
