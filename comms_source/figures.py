"""The headline figures of each channel, from the view `operation_measures`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import dlt

_QUERY: Final = """
select
    channel,
    count(*),
    sum(recipients),
    sum(case when missed is not null then reached_low end),
    sum(case when missed is not null then reached_high end),
    sum(case when reached_low is not null then missed end),
    sum(case when reached_low is not null then engaged end),
    sum(case when engaged is not null then reached_low end),
    sum(case when engaged is not null then reached_high end),
    sum(in_flight),
    count(*) - count(in_flight)
from {operations}
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
    with pipeline.sql_client() as client:
        operations = client.make_qualified_table_name("operation_measures")
        rows = client.execute_sql(_QUERY.format(operations=operations)) or []
    return [
        Figures(
            channel=channel,
            operations=int(count),
            recipients=_whole(recipients),
            delivered=_share((low, _plus(low, missed)), (high, _plus(high, missed))),
            engaged=_share((engaged, of_high), (engaged, of_low)),
            in_flight=_whole(in_flight),
            undecided=int(undecided),
        )
        for (
            channel,
            count,
            recipients,
            low,
            high,
            missed,
            engaged,
            of_low,
            of_high,
            in_flight,
            undecided,
        ) in rows
    ]


def _plus(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _whole(value: int | None) -> int | None:
    return None if value is None else int(value)


def _share(
    *ends: tuple[int | None, int | None],
) -> tuple[float, float] | None:
    shares = [float(part) / float(whole) for part, whole in ends if part is not None and whole]
    return (min(1.0, shares[0]), min(1.0, shares[1])) if len(shares) == len(ends) else None
