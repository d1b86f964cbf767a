"""The headline figures of each channel, from the view `operation_measures`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import dlt

from comms_source.report.queries import SUMS
from comms_source.report.sums import Share, Sums
from comms_source.runs import view_settings
from comms_source.views import viewing

_SUMMED: Final = (
    *("operations", "outcome_low", "outcome_high", "missed"),
    *("engaged_of_reached", "engageable_low", "engageable_high"),
    *("in_flight", "in_flight_known"),
)
_QUERY: Final = """
select channel, sum(recipients), {sums}
from {operation_measures}
group by channel
order by min(case channel when 'messages' then 1 when 'emails' then 2 else 3 end)
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of everything that a channel sent, as far as it is in the warehouse."""

    channel: str
    operations: int
    recipients: int | None
    delivered: tuple[float, float] | None
    """The share of known outcomes that are deliveries, from at least to at most."""
    engaged: tuple[float, float] | None
    """The share of deliveries that were read or opened, from at least to at most."""
    in_flight: int | None
    undecided: int
    """How many operations leave open what of them is in flight; `in_flight` is without them."""


def read_figures(pipeline: dlt.Pipeline) -> list[Figures]:
    """The figures of each channel that has an operation."""
    with viewing(pipeline, settings=view_settings()) as client:
        view = client.make_qualified_table_name("operation_measures")
        sums = ", ".join(SUMS[name] for name in _SUMMED)
        rows = client.execute_sql(_QUERY.format(sums=sums, operation_measures=view)) or []
    return [_figures(*row) for row in rows]


def _figures(channel: str, recipients: Any, *values: Any) -> Figures:
    named: dict[str, Any] = dict(zip(_SUMMED, map(_whole, values), strict=True))
    sums = Sums(**named)
    return Figures(
        channel=channel,
        operations=sums.operations,
        recipients=_whole(recipients),
        delivered=_ends(sums.delivery),
        engaged=_ends(sums.engagement),
        in_flight=sums.in_flight,
        undecided=sums.operations - sums.in_flight_known,
    )


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _ends(share: Share | None) -> tuple[float, float] | None:
    return None if share is None else (share.low, share.high)
