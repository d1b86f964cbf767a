"""The parts of a report in the terminal that are about details. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from comms_source.report import wording
from comms_source.report.data.facts import ChannelDetails, ChannelFacts, Facts
from comms_source.report.figure_table import FigureRow, figure_row
from comms_source.report.findings.details import (
    Reason,
    figures_of,
    name_of,
    reasons_of,
    tags_of,
)
from comms_source.words import counted

REASONS_SHOWN: Final = 5
TAGS_SHOWN: Final = 5
LONGEST_LABEL: Final = 60
"""A tag with its value is cut if it is longer."""


def why_failed(facts: Facts) -> Iterator[str]:
    """Why the sends of each channel failed, in sentences; none if that is not known of any."""
    for channel, details in _with_details(facts.channels):
        reasons = reasons_of(details)
        if reasons:
            yield f"why {wording.RESOURCES[channel]} failed, in the last 30 days"
            yield from _reasons(reasons[:REASONS_SHOWN])
            yield f"  shares are of {wording.count(details.asked)} whose error was asked for"
            if details.not_asked:
                yield f"  not asked for: the errors of {wording.count(details.not_asked)} more"


def _reasons(reasons: Sequence[Reason]) -> Iterator[str]:
    for reason in reasons:
        code = "without a code" if reason.code is None else str(reason.code)
        yield f"  {wording.percent(reason.share)}  {code}: {wording.short(reason.text)}"
        hit = (counted(reason.operations, "operation"), counted(reason.recipients, "recipient"))
        yield f"    {wording.count(reason.resources)} failed; {wording.listed(hit)}"


def tag_rows(facts: Facts) -> list[FigureRow]:
    """The figures of the tags of each channel; none if no operation has a tag."""
    rows = []
    for channel, details in _with_details(facts.channels):
        tags = tags_of(details)[:TAGS_SHOWN]
        if tags:
            rows.append(FigureRow(label=f"{channel} by tag"))
        for tag in tags:
            label = wording.short(name_of(tag), most=LONGEST_LABEL)
            rows.append(figure_row(f"  {label}", figures_of(tag)))
    return rows


def tag_remarks(facts: Facts) -> Iterator[str]:
    """What the figures of the tags leave out."""
    for channel, details in _with_details(facts.channels):
        if tags_of(details) and details.without_details:
            several = counted(details.without_details, "operation")
            yield f"{channel}: the tags of {several} are not known"


def _with_details(
    channels: Sequence[ChannelFacts],
) -> Iterator[tuple[str, ChannelDetails]]:
    return ((each.channel, each.details) for each in channels if each.details)
