"""What other dialects say in words of their own, where sqlglot carries over DuckDB's. Pure.

Each rule rewrites one kind of node and leaves all others alone. They follow each other, so that one
sees what the former has made. To be imported where it is needed: sqlglot takes long to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlglot import exp

Rule = Callable[[Any], Any]


def fitted(query: Any, dialect: str) -> Any:
    """The query, which is changed, in words that the dialect has."""
    for rule in _RULES.get(dialect, (_wall_clock_epoch,)):
        query = query.transform(rule, copy=False)
    return query


def _seconds_between(node: Any) -> Any:
    """DuckDB subtracts whole microseconds faster than seconds with a fraction."""
    if not (isinstance(node, exp.Sub) and isinstance(node.this, exp.TimeToUnix)):
        return node
    if not isinstance(node.expression, exp.TimeToUnix):
        return node
    first, last = (_call("epoch_us", side.this) for side in (node.expression, node.this))
    million = exp.Literal.number(1000000)
    return exp.Paren(
        this=exp.Div(this=exp.Paren(this=exp.Sub(this=last, expression=first)), expression=million)
    )


def _call(name: str, *arguments: Any) -> Any:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _utc_without_a_calendar(node: Any) -> Any:
    """DuckDB looks up the calendar for UTC too, which is slow."""
    if isinstance(node, exp.AtTimeZone) and node.args["zone"].name == "UTC":
        return _call("make_timestamp", _call("epoch_us", node.this))
    return node


WALL_CLOCK: Final = "wall_clock_epoch"
"""Stands for the seconds since 1970 of a time on the wall clock of a zone."""


def _wall_clock_epoch(node: Any) -> Any:
    """Most dialects turn a time without a zone to an instant by the same words."""
    if not (isinstance(node, exp.Anonymous) and node.name == WALL_CLOCK):
        return node
    clock, zone = node.expressions
    return exp.TimeToUnix(this=exp.Paren(this=exp.AtTimeZone(this=clock, zone=zone)))


def _wall_clock(seconds: Callable[[Any, Any], Any]) -> Rule:
    """The same for dialects that have words of their own."""

    def rule(node: Any) -> Any:
        if isinstance(node, exp.Anonymous) and node.name == WALL_CLOCK:
            return seconds(*node.expressions)
        return node

    return rule


def _in_utc(clock: Any, zone: Any) -> Any:
    """Snowflake and Databricks: the wall clock of UTC at that instant."""
    return _call("CONVERT_TIMEZONE", zone, _utc(), exp.cast(clock, "timestamp_ntz"))


def _snowflake_seconds(clock: Any, zone: Any) -> Any:
    return _call("DATE_PART", exp.var("EPOCH_SECOND"), _in_utc(clock, zone))


def _databricks_seconds(clock: Any, zone: Any) -> Any:
    epoch = exp.cast(exp.Literal.string("1970-01-01 00:00:00"), "timestamp_ntz")
    return _call("TIMESTAMPDIFF", exp.var("SECOND"), epoch, _in_utc(clock, zone))


def _bigquery_seconds(clock: Any, zone: Any) -> Any:
    return _call("UNIX_SECONDS", _call("TIMESTAMP", exp.cast(clock, "datetime"), zone))


def _clickhouse_seconds(clock: Any, zone: Any) -> Any:
    """The wall clock is text without a zone by then, which is read in the zone."""
    text = _call("formatDateTime", clock, exp.Literal.string("%Y-%m-%d %H:%i:%S"))
    return _call("toUnixTimestamp", text, zone)


def _present_with_a_zone(node: Any) -> Any:
    """Redshift's present has none, and `at time zone` would take it for the zone's own."""
    return exp.cast(node, "timestamptz") if isinstance(node, exp.CurrentTimestamp) else node


def _epoch(micros: Rule) -> Rule:
    """Seconds from microseconds; what dialects have for seconds cuts off their fraction."""

    def rule(node: Any) -> Any:
        if not isinstance(node, exp.TimeToUnix):
            return node
        whole = exp.cast(micros(node.this), "double")
        million = exp.Literal.number(1000000)
        return exp.Paren(this=exp.Div(this=whole, expression=million, typed=True))

    return rule


def _snowflake_micros(instant: Any) -> Any:
    return _call("DATE_PART", exp.var("EPOCH_MICROSECOND"), instant)


def _clickhouse_micros(instant: Any) -> Any:
    exact = _call("toDateTime64", instant, exp.Literal.number(6))
    return _call("toUnixTimestamp64Micro", exact)


def _local(wall_clock: Callable[[Any, Any], Any]) -> Rule:
    """What the clock on the wall of a zone shows: a time without a zone."""

    def rule(node: Any) -> Any:
        if isinstance(node, exp.AtTimeZone):
            return wall_clock(node.this, node.args["zone"])
        return node

    return rule


def _snowflake_clock(instant: Any, zone: Any) -> Any:
    return exp.cast(_call("CONVERT_TIMEZONE", zone, instant), "timestamp_ntz")


def _clickhouse_clock(instant: Any, zone: Any) -> Any:
    """ClickHouse has no time without a zone; the wall's is shown as if it were in UTC."""
    offset = _call("timeZoneOffset", _call("toTimeZone", instant, zone))
    return _call("toTimeZone", _call("addSeconds", instant, offset), _utc())


def _hours_ago(node: Any) -> Any:
    """Databricks makes days of many hours, and days are the session's, which may have 23."""
    hours = isinstance(node, exp.Sub) and isinstance(node.expression, exp.Interval)
    length = _HOUR_OR_SECOND.get(node.expression.text("unit").upper()) if hours else None
    if length is None:
        return node
    micros = exp.Literal.number(int(node.expression.this.name) * length)
    before = exp.Sub(this=_call("UNIX_MICROS", node.this), expression=micros)
    return _call("TIMESTAMP_MICROS", before)


_HOUR_OR_SECOND: Final = {"HOUR": 3_600_000_000, "SECOND": 1_000_000}
"""In microseconds."""


def _hour_without_a_zone(node: Any) -> Any:
    """Databricks would give back a time of the session's zone, in which the hour may not exist."""
    if not (isinstance(node, exp.TimestampTrunc) and node.text("unit") == "HOUR"):
        return node
    midnight = exp.cast(exp.cast(node.this.copy(), "date"), "timestamp_ntz")
    return _call("DATEADD", exp.var("HOUR"), _call("HOUR", node.this), midnight)


def _truncated(node: Any) -> Any:
    """BigQuery cuts days and times by different functions, and its weeks begin on Sunday."""
    if not isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return node
    unit = node.text("unit")
    cut = "DATETIME_TRUNC" if unit == "HOUR" else "DATE_TRUNC"
    return _call(cut, node.this, exp.var("ISOWEEK" if unit == "WEEK" else unit))


def _order_of_what_is_there(node: Any) -> Any:
    """BigQuery has no words for NULLs last in a running sum; no view orders by what may be NULL."""
    if isinstance(node, exp.Ordered):
        node.set("nulls_first", not node.args.get("desc"))
    return node


def _clickhouse_instant(node: Any) -> Any:
    """ClickHouse does not cast texts with a zone."""
    if isinstance(node, exp.Cast) and node.is_type("timestamptz"):
        return _call("parseDateTime64BestEffort", node.this, exp.Literal.number(6), _utc())
    return node


def _utc() -> Any:
    return exp.Literal.string("UTC")


def _columns_by_their_names(node: Any) -> Any:
    """ClickHouse calls a column of a join by its table, too, unless it is told not to."""
    named = isinstance(node, exp.Column) and node.table and not isinstance(node.this, exp.Star)
    if named and isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
        return exp.alias_(node.copy(), node.name)
    return node


def _as_everybody_else(node: Any) -> Any:
    """Names mean columns before they mean what a `select` calls so; what a join lacks is NULL."""
    if isinstance(node, exp.Select) and node.parent is None:
        names = ("prefer_column_name_to_alias", "join_use_nulls")
        one = exp.Literal.number(1)
        node.set("settings", [exp.EQ(this=exp.column(name), expression=one) for name in names])
    return node


_RULES: Final[Mapping[str, Sequence[Rule]]] = {
    "duckdb": (_wall_clock_epoch, _seconds_between, _utc_without_a_calendar),
    "redshift": (_wall_clock_epoch, _present_with_a_zone),
    "snowflake": (
        _wall_clock(_snowflake_seconds),
        _epoch(_snowflake_micros),
        _local(_snowflake_clock),
    ),
    "bigquery": (
        _wall_clock(_bigquery_seconds),
        _epoch(lambda instant: _call("UNIX_MICROS", instant)),
        _local(lambda instant, zone: _call("DATETIME", instant, zone)),
        _truncated,
        _order_of_what_is_there,
    ),
    "databricks": (
        _wall_clock(_databricks_seconds),
        _epoch(lambda instant: _call("UNIX_MICROS", instant)),
        _local(lambda instant, zone: _call("CONVERT_TIMEZONE", zone, instant)),
        _hour_without_a_zone,
        _hours_ago,
    ),
    "clickhouse": (
        _wall_clock(_clickhouse_seconds),
        _clickhouse_instant,
        _epoch(_clickhouse_micros),
        _local(_clickhouse_clock),
        _columns_by_their_names,
        _as_everybody_else,
    ),
}
