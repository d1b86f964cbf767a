"""Rewrite rules for dialects in which sqlglot would keep DuckDB's functions. Pure.

Each rule rewrites one kind of node and leaves all others alone. The rules run in order, each on the
result of the one before. Import this module where it is needed: sqlglot is slow to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlglot import exp

Rule = Callable[[Any], Any]


def rewritten(query: Any, dialect: str) -> Any:
    """Rewrite the query, in place, with functions of the dialect."""
    for rule in _RULES.get(dialect, (_wall_clock_epoch,)):
        query = query.transform(rule, copy=False)
    return query


def _seconds_between(node: Any) -> Any:
    """DuckDB subtracts integer microseconds faster than fractional seconds."""
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
"""A placeholder for the seconds since 1970 of a wall-clock time in a zone."""


def _wall_clock_epoch(node: Any) -> Any:
    """Most dialects convert a time without a zone to an instant with `at time zone`."""
    if not (isinstance(node, exp.Anonymous) and node.name == WALL_CLOCK):
        return node
    clock, zone = node.expressions
    return exp.TimeToUnix(this=exp.Paren(this=exp.AtTimeZone(this=clock, zone=zone)))


def _wall_clock(seconds: Callable[[Any, Any], Any]) -> Rule:
    """The same for dialects that have their own function."""

    def rule(node: Any) -> Any:
        if isinstance(node, exp.Anonymous) and node.name == WALL_CLOCK:
            return seconds(*node.expressions)
        return node

    return rule


def _in_utc(clock: Any, zone: Any) -> Any:
    """Snowflake and Databricks: the wall-clock time in UTC at that instant."""
    return _call("CONVERT_TIMEZONE", zone, _utc(), exp.cast(clock, "timestamp_ntz"))


def _snowflake_seconds(clock: Any, zone: Any) -> Any:
    return _call("DATE_PART", exp.var("EPOCH_SECOND"), _in_utc(clock, zone))


def _databricks_seconds(clock: Any, zone: Any) -> Any:
    epoch = exp.cast(exp.Literal.string("1970-01-01 00:00:00"), "timestamp_ntz")
    return _call("TIMESTAMPDIFF", exp.var("SECOND"), epoch, _in_utc(clock, zone))


def _bigquery_seconds(clock: Any, zone: Any) -> Any:
    return _call("UNIX_SECONDS", _call("TIMESTAMP", exp.cast(clock, "datetime"), zone))


def _clickhouse_seconds(clock: Any, zone: Any) -> Any:
    """The wall-clock time is formatted as text without a zone, which is parsed in the zone."""
    text = _call("formatDateTime", clock, exp.Literal.string("%Y-%m-%d %H:%i:%S"))
    return _call("toUnixTimestamp", text, zone)


def _present_with_a_zone(node: Any) -> Any:
    """Redshift's current time has no zone, and `at time zone` would read it as local time."""
    return exp.cast(node, "timestamptz") if isinstance(node, exp.CurrentTimestamp) else node


def _epoch(micros: Rule) -> Rule:
    """Seconds from microseconds; the dialects' functions for seconds cut off the fraction."""

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
    """The wall-clock time in a zone: a time without a zone."""

    def rule(node: Any) -> Any:
        if isinstance(node, exp.AtTimeZone):
            return wall_clock(node.this, node.args["zone"])
        return node

    return rule


def _snowflake_clock(instant: Any, zone: Any) -> Any:
    return exp.cast(_call("CONVERT_TIMEZONE", zone, instant), "timestamp_ntz")


def _clickhouse_clock(instant: Any, zone: Any) -> Any:
    """ClickHouse has no time without a zone; the wall-clock time is shown as if it were in UTC."""
    offset = _call("timeZoneOffset", _call("toTimeZone", instant, zone))
    return _call("toTimeZone", _call("addSeconds", instant, offset), _utc())


def _hours_ago(node: Any) -> Any:
    """Databricks converts many hours to days of the session's zone, which may have 23 hours."""
    is_difference = isinstance(node, exp.Sub) and isinstance(node.expression, exp.Interval)
    length = _HOUR_OR_SECOND.get(node.expression.text("unit").upper()) if is_difference else None
    if length is None:
        return node
    micros = exp.Literal.number(int(node.expression.this.name) * length)
    before = exp.Sub(this=_call("UNIX_MICROS", node.this), expression=micros)
    return _call("TIMESTAMP_MICROS", before)


_HOUR_OR_SECOND: Final = {"HOUR": 3_600_000_000, "SECOND": 1_000_000}
"""In microseconds."""


def _hour_without_a_zone(node: Any) -> Any:
    """Databricks would return a time of the session's zone, in which the hour may not exist."""
    if not (isinstance(node, exp.TimestampTrunc) and node.text("unit") == "HOUR"):
        return node
    midnight = exp.cast(exp.cast(node.this.copy(), "date"), "timestamp_ntz")
    return _call("DATEADD", exp.var("HOUR"), _call("HOUR", node.this), midnight)


def _truncated(node: Any) -> Any:
    """BigQuery truncates days and times with different functions, and its weeks begin on Sunday."""
    if not isinstance(node, exp.TimestampTrunc | exp.DateTrunc):
        return node
    unit = node.text("unit")
    function = "DATETIME_TRUNC" if unit == "HOUR" else "DATE_TRUNC"
    return _call(function, node.this, exp.var("ISOWEEK" if unit == "WEEK" else unit))


def _without_nulls_order(node: Any) -> Any:
    """BigQuery has no NULLS LAST in a running sum; no view orders by a column that may be NULL."""
    if isinstance(node, exp.Ordered):
        node.set("nulls_first", not node.args.get("desc"))
    return node


def _clickhouse_instant(node: Any) -> Any:
    """ClickHouse cannot cast text with a zone."""
    if isinstance(node, exp.Cast) and node.is_type("timestamptz"):
        return _call("parseDateTime64BestEffort", node.this, exp.Literal.number(6), _utc())
    return node


def _utc() -> Any:
    return exp.Literal.string("UTC")


def _aliased_columns(node: Any) -> Any:
    """ClickHouse adds the table to the name of a joined column unless it has an alias."""
    named = isinstance(node, exp.Column) and node.table and not isinstance(node.this, exp.Star)
    if named and isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
        return exp.alias_(node.copy(), node.name)
    return node


def _standard_settings(node: Any) -> Any:
    """As in other databases: column names precede aliases, and unmatched joins give NULL."""
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
        _without_nulls_order,
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
        _aliased_columns,
        _standard_settings,
    ),
}
