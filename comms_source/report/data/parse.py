"""Parse the rows of a report's queries into its facts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any, Final, TypeVar, get_args, get_type_hints

from comms_source.report.data import facts
from comms_source.report.data.days import WEEK
from comms_source.report.data.facts import ChannelFacts, Facts, ReportContext
from comms_source.report.data.sums import Share, Sums
from comms_source.timespans import Span, parse_instant

Rows = Sequence[Sequence[Any]]
T = TypeVar("T")

ROW_TYPES: Final = {
    "trends": facts.Trend,
    "hours": facts.HourVolume,
    "worst": facts.WorstOperation,
    "curve": facts.SettlePoint,
    "health": facts.AccountHealth,
    "windows": facts.ReadWindow,
    "gaps": facts.Gap,
}
"""The queries whose rows are facts of a channel one by one."""


def facts_of(
    rows: Mapping[str, Rows], *, context: ReportContext, channels: Sequence[str], named: bool
) -> Facts:
    """The facts in the rows.

    Args:
        rows: The rows of each query; the channel is the first column of each row.
        context: The time and the destination of the report.
        channels: The channels of the report.
        named: Whether the channels were named by the user; otherwise channels without data are
            left out.
    """
    seen = {row[0] for row in (*rows["stored"], *rows["health"])}
    accounts = {account for row in rows["stored"] for account in row[1:3]}
    shown = [channel for channel in channels if named or not seen or channel in seen]
    several = len(accounts) > 1
    return Facts(
        context=context,
        channels=[_channel(name, rows, today=context.today, several=several) for name in shown],
        stuck=[parse(facts.Stuck, row) for row in rows["stuck"]],
        accounts=min(2, len(accounts)),
    )


def _channel(channel: str, rows: Mapping[str, Rows], *, today: date, several: bool) -> ChannelFacts:
    mine = {query: [row[1:] for row in found if row[0] == channel] for query, found in rows.items()}
    one_by_one: dict[str, Any] = {
        query: [parse(kind, row) for row in mine[query]] for query, kind in ROW_TYPES.items()
    }
    return ChannelFacts(
        channel=channel,
        stored=sum(int(row[2]) for row in mine["stored"]),
        first_day=min((_day(row[3]) for row in mine["stored"]), default=None),
        days=_days(mine["days"], mine["finality"]),
        older=sum(int(number) for (number,) in mine["older"]),
        stuck={reason: int(alike) for _, _, reason, *_, alike in mine["stuck"]},
        problems={problem: int(number) for problem, number in mine["problems"]},
        rejected_lately=sum(int(number) for (number,) in mine["rejected"]),
        times=_times(mine["times"]),
        accounts=_accounts(mine["days"], today=today) if several else {},
        details=_details(mine) if "causes" in mine else None,
        **one_by_one,
    )


def _details(mine: Mapping[str, Rows]) -> facts.ChannelDetails:
    """The details of a channel; the samples and the unknown tags have one row at most."""
    ((asked, not_asked),) = mine["asked"] or [(0, 0)]
    ((without_details,),) = mine["without_details"] or [(0,)]
    return facts.ChannelDetails(
        causes=[parse(facts.FailureCause, row) for row in mine["causes"]],
        asked=int(asked),
        not_asked=int(not_asked),
        tags=[parse(facts.TagFigures, row) for row in mine["tags"]],
        without_details=int(without_details),
    )


def _days(rows: Rows, finality: Rows) -> dict[date, facts.Day]:
    """The days by date, each over all accounts."""
    parts: dict[date, dict[str, facts.Finality]] = defaultdict(dict)
    for day, name, *values in finality:
        parts[_day(day)][name] = parse(facts.Finality, values)
    sums: dict[date, Sums] = defaultdict(Sums)
    covered: dict[date, list[float]] = defaultdict(list)
    for _, day, share, *values in rows:
        sums[_day(day)] += parse(Sums, values)
        covered[_day(day)] += [] if share is None else [float(share)]
    return {
        day: facts.Day(
            sums=sums[day], covered_share=min(covered[day], default=None), by_finality=parts[day]
        )
        for day in sorted(sums)
    }


def _accounts(rows: Rows, *, today: date) -> dict[str, Sums]:
    """The seven whole days before today by account, the largest account first."""
    sums: dict[str, Sums] = defaultdict(Sums)
    for account, day, _, *values in rows:
        if timedelta(0) < today - _day(day) <= timedelta(days=WEEK):
            sums[account] += parse(Sums, values)
    return dict(sorted(sums.items(), key=lambda each: (-(each[1].requested or 0), each[0])))


def _times(rows: Rows) -> list[facts.CompletionTime]:
    """One for each account and size, in the order of the rows; each row has one percentile."""
    times = []
    for (account, size, order, operations), group in groupby(rows, key=lambda row: tuple(row[:4])):
        percentiles = {int(row[4]): row[5:] for row in group}
        times.append(
            facts.CompletionTime(
                account=account,
                size=size,
                size_order=int(order),
                operations=int(operations),
                percentiles={at: (float(row[0]), float(row[1])) for at, row in percentiles.items()},
                limited=frozenset(at for at, row in percentiles.items() if row[2]),
            )
        )
    return times


def parse(kind: Callable[..., T], row: Iterable[Any]) -> T:
    """A row as a dataclass whose fields are the first columns, in their order.

    A share or a span has two columns, its ends, and is None unless both are known. Sums have a
    column for each of their fields.
    """
    values = iter(row)
    return kind(**{name: _field(of, values) for name, of in _fields(kind)})


@cache
def _fields(kind: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The name of each field, and its type if it is not None."""
    return [(name, (get_args(of) or (of,))[0]) for name, of in get_type_hints(kind).items()]


def _field(of: Any, values: Iterator[Any]) -> Any:
    if of is Sums:
        return parse(Sums, values)
    value = next(values)
    if of in _PAIRS:
        end, parsed = next(values), _PAIRS[of]
        return None if value is None or end is None else of(parsed(value), parsed(end))
    return None if value is None else _TYPES[of](value)


def _day(value: Any) -> date:
    """A date; destinations return it as a date, a midnight or text."""
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    day: date = value.date() if isinstance(value, datetime) else value
    return day


_TYPES: Final[Mapping[Any, Callable[[Any], Any]]] = {
    **{kind: kind for kind in (str, int, float, bool)},
    date: _day,
    datetime: parse_instant,
}
"""How a value is parsed: destinations also return decimals, and days and instants as text."""
_PAIRS: Final[Mapping[Any, Callable[[Any], Any]]] = {Share: float, Span: parse_instant}
"""How each end of a pair is parsed."""
