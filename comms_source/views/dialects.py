"""The views in dialects in which sqlglot would keep DuckDB's functions. Pure.

A template is the dialect's SQL for one kind of expression, with the parts of the expression filled
in. sqlglot does not parse it, since it would rewrite some of these functions once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlglot import exp

WALL_CLOCK: Final = "wall_clock_epoch"
"""A placeholder for the seconds since 1970 of a wall-clock time in a zone."""

_TEMPLATES: Final[Mapping[str, Mapping[str, str]]] = {
    "duckdb": {
        # Integer microseconds are subtracted faster than fractional seconds.
        "seconds_between": "((EPOCH_US({last}) - EPOCH_US({first})) / 1000000)",
        # Otherwise DuckDB looks up the calendar for UTC too, which is slow.
        "time_in_zone_utc": "MAKE_TIMESTAMP(EPOCH_US({instant}))",
    },
    "redshift": {
        # The current time has no zone, and `at time zone` would read it as local time.
        "now": "CAST(GETDATE() AS TIMESTAMP WITH TIME ZONE)",
    },
    "snowflake": {
        WALL_CLOCK: "DATE_PART(EPOCH_SECOND, "
        "CONVERT_TIMEZONE({zone}, 'UTC', CAST({clock} AS TIMESTAMPNTZ)))",
        "epoch": "(CAST(DATE_PART(EPOCH_MICROSECOND, {instant}) AS DOUBLE) / 1000000)",
        "time_in_zone": "CAST(CONVERT_TIMEZONE({zone}, {instant}) AS TIMESTAMPNTZ)",
    },
    "bigquery": {
        WALL_CLOCK: "UNIX_SECONDS(TIMESTAMP(CAST({clock} AS DATETIME), {zone}))",
        "epoch": "(CAST(UNIX_MICROS({instant}) AS FLOAT64) / 1000000)",
        "time_in_zone": "DATETIME({instant}, {zone})",
        # Days and times have different functions, and a week begins on Sunday.
        "date_trunc_hour": "DATETIME_TRUNC({clock}, HOUR)",
        "date_trunc_week": "DATE_TRUNC({clock}, ISOWEEK)",
        "date_trunc": "DATE_TRUNC({clock}, {unit})",
    },
    "databricks": {
        WALL_CLOCK: "TIMESTAMPDIFF(SECOND, CAST('1970-01-01 00:00:00' AS TIMESTAMP_NTZ), "
        "CONVERT_TIMEZONE({zone}, 'UTC', CAST({clock} AS TIMESTAMP_NTZ)))",
        "epoch": "(CAST(UNIX_MICROS({instant}) AS DOUBLE) / 1000000)",
        "time_in_zone": "CONVERT_TIMEZONE({zone}, {instant})",
        # DATE_TRUNC returns a time of the session's zone, in which the hour may not exist.
        "date_trunc_hour": "DATEADD(HOUR, HOUR({clock}), "
        "CAST(CAST({clock} AS DATE) AS TIMESTAMP_NTZ))",
        # Many hours would be converted to days of the session's zone, which may have 23 hours.
        "minus_hour": "TIMESTAMP_MICROS(UNIX_MICROS({instant}) - {number} * 3600000000L)",
        "minus_second": "TIMESTAMP_MICROS(UNIX_MICROS({instant}) - {number} * 1000000L)",
    },
    "clickhouse": {
        # The wall-clock time is formatted as text without a zone, which is parsed in the zone.
        WALL_CLOCK: "toUnixTimestamp(formatDateTime({clock}, '%Y-%m-%d %H:%i:%S'), {zone})",
        "epoch": "(CAST(toUnixTimestamp64Micro(toDateTime64({instant}, 6)) AS Nullable(Float64))"
        " / 1000000)",
        # There is no time without a zone; the wall-clock time is shown as if it were in UTC.
        "time_in_zone": "toTimeZone(addSeconds({instant}, "
        "timeZoneOffset(toTimeZone({instant}, {zone}))), 'UTC')",
        # A cast does not accept text with a zone.
        "timestamptz": "parseDateTime64BestEffort({text}, 6, 'UTC')",
    },
}
"""The templates of each dialect, by the kind of expression; sqlglot writes all other expressions.

`epoch` is from microseconds, because functions for seconds cut off the fraction.
"""


DIALECTS: Final = _TEMPLATES.keys() | {"postgres"}
"""The dialects that the views are written in; those without templates need none."""


def rewritten(query: Any, dialect: str) -> Any:
    """The query, changed in place, with functions of the dialect."""
    templates = _TEMPLATES.get(dialect, {})
    if WALL_CLOCK not in templates:
        query = query.transform(_wall_clock, copy=False)
    if dialect == "bigquery":
        _without_nulls_order(query)
    if dialect == "clickhouse":
        _standard_names_and_joins(query)
    # Backwards, so that the parts of an expression come before it. DuckDB has no templates.
    for node in reversed(list(query.walk())) if templates else ():
        kind, parts = next((each for each in _kinds(node) if each[0] in templates), ("", {}))
        if kind:
            texts = {name: part.sql(dialect, comments=False) for name, part in parts.items()}
            node.replace(exp.var(templates[kind].format(**texts)))
    return query


def _kinds(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The kinds of an expression, the more special one first, and its parts by name."""
    match node:
        case exp.Anonymous(name=name, expressions=[clock, zone]) if name == WALL_CLOCK:
            yield WALL_CLOCK, {"clock": clock, "zone": zone}
        case exp.TimeToUnix():
            yield "epoch", {"instant": node.this}
        case exp.AtTimeZone():
            zone = node.args["zone"]
            parts = {"instant": node.this, "zone": zone}
            yield f"time_in_zone_{zone.name.lower()}", parts
            yield "time_in_zone", parts
        case exp.TimestampTrunc() | exp.DateTrunc():
            unit = node.text("unit")
            parts = {"clock": node.this, "unit": exp.var(unit)}
            yield f"date_trunc_{unit.lower()}", parts
            yield "date_trunc", parts
        case exp.CurrentTimestamp():
            yield "now", {}
        case exp.Cast() if node.is_type("timestamptz"):
            yield "timestamptz", {"text": node.this}
        case exp.Sub(this=exp.TimeToUnix(), expression=exp.TimeToUnix()):
            yield "seconds_between", {"last": node.this.this, "first": node.expression.this}
        case exp.Sub(expression=exp.Interval() as interval):
            number = exp.Literal.number(interval.this.name)
            parts = {"instant": node.this, "number": number}
            yield f"minus_{interval.text('unit').lower()}", parts


def _wall_clock(node: Any) -> Any:
    """Most dialects convert a time without a zone to an instant with `at time zone`."""
    if not (isinstance(node, exp.Anonymous) and node.name == WALL_CLOCK):
        return node
    clock, zone = node.expressions
    return exp.TimeToUnix(this=exp.Paren(this=exp.AtTimeZone(this=clock, zone=zone)))


def _without_nulls_order(query: Any) -> None:
    """BigQuery has no NULLS LAST in a running sum; no view orders by a column that may be NULL."""
    for ordered in query.find_all(exp.Ordered):
        ordered.set("nulls_first", not ordered.args.get("desc"))


def _standard_names_and_joins(query: Any) -> None:
    """ClickHouse as other databases.

    It would add the table to the name of a joined column without an alias, prefer an alias to a
    column, and give 0 instead of NULL where a join finds nothing.
    """
    for select in query.find_all(exp.Select):
        for column in select.expressions:
            if isinstance(column, exp.Column) and column.table and not column.is_star:
                column.replace(exp.alias_(column.copy(), column.name))
    if isinstance(query, exp.Select):
        names = ("prefer_column_name_to_alias", "join_use_nulls")
        one = exp.Literal.number(1)
        query.set("settings", [exp.EQ(this=exp.column(name), expression=one) for name in names])
