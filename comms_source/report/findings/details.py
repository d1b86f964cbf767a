"""Why sends failed, and how those of each tag did. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from comms_source.report.data.facts import ChannelDetails, FailureCause, TagFigures
from comms_source.report.data.sums import Share, Sums, rate

UNTAGGED: Final = "(none)"
"""The tag, and the value, of operations without tags."""
NO_CAUSE: Final = "the API gave no reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One cause of failures, with its share of those that were asked about."""

    code: int | None
    text: str
    share: Share | None
    resources: int
    operations: int
    recipients: int
    recovered: int


def reasons_of(details: ChannelDetails) -> list[Reason]:
    """The causes that hit the most resources, the first one the most."""
    return [_reason(each, asked=details.asked) for each in details.causes]


def _reason(cause: FailureCause, *, asked: int) -> Reason:
    return Reason(
        code=cause.error_code,
        text=cause.cause or NO_CAUSE,
        share=rate(cause.resources, cause.resources, asked),
        resources=cause.resources,
        operations=cause.operations,
        recipients=cause.recipients,
        recovered=cause.recovered,
    )


def tags_of(details: ChannelDetails) -> Sequence[TagFigures]:
    """The tags with the most requested resources; none if no operation has a tag."""
    is_tagged = any(each.tag != UNTAGGED for each in details.tags)
    return details.tags if is_tagged else ()


def name_of(tag: TagFigures) -> str:
    """A tag with its value, as people write it."""
    return "without tags" if tag.tag == UNTAGGED else f"{tag.tag} = {tag.value}"


def figures_of(tag: TagFigures) -> Sums:
    """The figures of a tag: of its operations, or of its resources if no operation is whole."""
    if tag.sums.operations:
        return tag.sums
    return Sums(
        operations=tag.partial_operations,
        requested=tag.resources,
        delivered_low=tag.resources_delivered,
        delivered_high=tag.resources_delivered,
        not_delivered=tag.resources_not_delivered,
        attempted=tag.resources_attempted,
    )
