"""The views in other dialects than that of their files."""

from __future__ import annotations

import logging
import re
from functools import cache
from importlib.metadata import version
from typing import Final

import pytest
import sqlglot
from sqlglot import exp

from comms_source.views.dialects import WALL_CLOCK
from comms_source.views.files import View, _macros, public_views, read_views
from comms_source.views.macros import RELATIONS
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import COMMENTING, ViewStatements, view_statements
from tests.views.view_tables import WITH_DETAILS, table_schemas

DIALECTS: Final = (
    "duckdb",
    "postgres",
    "snowflake",
    "bigquery",
    "databricks",
    "clickhouse",
    "redshift",
)


TOKYO: Final = ViewSettings(time_zone="Asia/Tokyo")


class LogCapture(logging.Handler):
    """Captures the warnings that sqlglot logs if it cannot express something in a dialect."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Record the message."""
        self.messages.append(record.getMessage())


@cache
def statements_in(dialect: str) -> tuple[list[ViewStatements], list[str]]:
    """The statements of all views with Tokyo's time zone, and sqlglot's warnings."""
    warnings = LogCapture()
    logger = logging.getLogger("sqlglot")
    logger.addHandler(warnings)
    statements = view_statements(
        dialect=dialect, dataset="comms", settings=TOKYO, columns=WITH_DETAILS
    )
    logger.removeHandler(warnings)
    return statements, warnings.messages


@cache
def views_in(dialect: str) -> list[tuple[View, ViewStatements, exp.Create]]:
    """Each view, its statements in a dialect, and the parsed create statement."""
    statements, _ = statements_in(dialect)
    trees = [_tree(each.create, dialect) for each in statements]
    return list(zip(read_views(details=True), statements, trees, strict=True))


def _tree(statement: str, dialect: str) -> exp.Create:
    (tree,) = sqlglot.parse(statement, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(tree, exp.Create)
    return tree


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_view_parses(dialect: str) -> None:
    """Each statement is one `create or replace view` that the dialect's parser accepts."""
    for view, _, tree in views_in(dialect):
        assert (tree.kind, tree.args["replace"], tree.this.name) == ("VIEW", True, view.name)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_columns_do_not_change(dialect: str) -> None:
    """No dialect renames, drops or reorders the columns of the file."""
    for view, _, tree in views_in(dialect):
        if not tree.expression.is_star:
            assert tree.expression.named_selects == list(view.columns)
        assert not (tree.expression.is_star and view in public_views(details=True))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_table_is_in_the_dataset(dialect: str) -> None:
    """So the tables that a view reads do not depend on a search path."""
    outside = {*table_schemas(), *(view.name for view in read_views(details=True))}
    for _, _, tree in views_in(dialect):
        parts = {cte.alias for cte in tree.find_all(exp.CTE)}
        read = {table for table in tree.expression.find_all(exp.Table) if table.name not in parts}
        assert {table.name for table in read} <= outside
        assert {table.db for table in read} <= {"comms"}


def parsed_comment(comment: str, dialect: str) -> exp.Expr:
    """The parsed comment; older versions of sqlglot parse it for a table, but not for a view."""
    if tuple(map(int, version("sqlglot").split(".")[:2])) < (30, 10):
        comment = comment.replace(" on view ", " on table ", 1)
    return sqlglot.parse_one(comment, read=dialect)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_comments_if_the_dialect_supports_them(dialect: str) -> None:
    """One for the view and one for each column, or none if the statement does not exist."""
    for view, statements, _ in views_in(dialect):
        expected = 1 + len(view.columns) if dialect in COMMENTING else 0
        assert len(statements.comments) == expected
        for comment in statements.comments:
            assert isinstance(parsed_comment(comment, dialect), exp.Comment)


def test_snowflake_names_are_not_quoted() -> None:
    """Unquoted names and dlt's tables are upper case there; a quoted name would not be found."""
    for _, statements, tree in views_in("snowflake"):
        comments = [parsed_comment(each, "snowflake") for each in statements.comments]
        for statement in (tree, *comments):
            quoted = [
                name.this for name in statement.find_all(exp.Identifier) if name.args["quoted"]
            ]
            assert quoted == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sqlglot_supports_all_views_in_a_dialect(dialect: str) -> None:
    """It logs no warning about an unsupported expression."""
    _, warnings = statements_in(dialect)
    assert warnings == []


@pytest.mark.parametrize("view", read_views(details=True), ids=lambda view: view.name)
def test_running_sums_have_frames(view: View) -> None:
    """Redshift requires a frame, and without one others would add all equal rows at once."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    for window in tree.find_all(exp.Window):
        if window.args.get("order") and not isinstance(window.this, exp.RowNumber):
            assert window.args.get("spec")


CALENDAR: Final = (exp.column("day"), exp.column("today"))
"""Columns with a day and not an instant."""


@pytest.mark.parametrize("view", read_views(details=True), ids=lambda view: view.name)
def test_intervals_of_days_apply_to_dates_only(view: View) -> None:
    """An instant minus one day depends on daylight saving time; minus 24 hours does not."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    for interval in tree.find_all(exp.Interval):
        of = interval.parent.this if interval.parent else None
        on_calendar = of in CALENDAR or (isinstance(of, exp.Cast) and of.is_type("date"))
        assert on_calendar is (interval.text("unit").upper() not in {"HOUR", "SECOND"})


WORDS: Final = {
    "duckdb": (
        ("hourly_volume", "EPOCH((hour AT TIME ZONE 'Asia/Tokyo'))"),
        ("int_delivery_periods", "created_at AT TIME ZONE 'Asia/Tokyo'"),
        ("int_periods", "DATE_TRUNC('WEEK', day)"),
        ("stuck_operations", "(EPOCH_US(CURRENT_TIMESTAMP) - EPOCH_US(created_at)) / 1000000"),
    ),
    "postgres": (
        ("hourly_volume", "DATE_PART('epoch', (hour AT TIME ZONE 'Asia/Tokyo'))"),
        ("int_delivery_periods", "created_at AT TIME ZONE 'Asia/Tokyo'"),
        ("int_periods", "DATE_TRUNC('WEEK', day)"),
    ),
    "redshift": (
        ("hourly_volume", "DATE_PART('epoch', (hour AT TIME ZONE 'Asia/Tokyo'))"),
        ("int_delivery_periods", "created_at AT TIME ZONE 'Asia/Tokyo'"),
        ("int_periods", "DATE_TRUNC('WEEK', day)"),
        ("int_periods", "CAST(GETDATE() AS TIMESTAMP WITH TIME ZONE)"),
    ),
    "snowflake": (
        ("hourly_volume", "CAST(CONVERT_TIMEZONE('Asia/Tokyo', created_at) AS TIMESTAMPNTZ)"),
        ("hourly_volume", "DATE_PART(EPOCH_SECOND, CONVERT_TIMEZONE('Asia/Tokyo', 'UTC', "),
        ("int_periods", "DATE_TRUNC('WEEK', day)"),
        ("stuck_operations", "DATE_PART(EPOCH_MICROSECOND, created_at)"),
    ),
    "bigquery": (
        ("completion_times", "AS `within`"),
        ("hourly_volume", "DATETIME_TRUNC((DATETIME(created_at, 'Asia/Tokyo')), HOUR)"),
        ("hourly_volume", "UNIX_SECONDS(TIMESTAMP(CAST(hour AS DATETIME), 'Asia/Tokyo'))"),
        ("int_periods", "DATE_TRUNC(day, ISOWEEK)"),
        ("int_periods", "DATE_TRUNC(day, MONTH)"),
        ("stuck_operations", "UNIX_MICROS(created_at)"),
    ),
    "databricks": (
        ("hourly_volume", "DATEADD(HOUR, HOUR((CONVERT_TIMEZONE('Asia/Tokyo', created_at)))"),
        ("hourly_volume", "CONVERT_TIMEZONE('Asia/Tokyo', 'UTC', CAST(hour AS TIMESTAMP_NTZ))"),
        ("int_periods", "DATE_TRUNC('WEEK', day)"),
        ("int_periods", "DATE_TRUNC('MONTH', day)"),
        ("settle_curve", "TIMESTAMP_MICROS(UNIX_MICROS("),
    ),
    "clickhouse": (
        (
            "hourly_volume",
            "toUnixTimestamp(formatDateTime(hour, '%Y-%m-%d %H:%i:%S'), 'Asia/Tokyo')",
        ),
        ("int_delivery_periods", "timeZoneOffset(toTimeZone(created_at, 'Asia/Tokyo'))"),
        ("int_periods", "dateTrunc('WEEK', day)"),
        ("operations", " SETTINGS prefer_column_name_to_alias = 1, join_use_nulls = 1"),
        ("stuck_operations", "toUnixTimestamp64Micro(toDateTime64(created_at, 6))"),
        ("sync_health", "parseDateTime64BestEffort('1970-01-01T00:00:00Z', 6, 'UTC')"),
    ),
}
"""By dialect: a view, and an expression in its statement."""


@pytest.mark.parametrize(
    ("dialect", "view", "statement"),
    [(dialect, *pair) for dialect, words in WORDS.items() for pair in words],
)
def test_functions_of_the_dialect(dialect: str, view: str, statement: str) -> None:
    """Tested on ClickHouse 26.9 and Spark 4.3; for the others, from their documentation."""
    statements, _ = statements_in(dialect)
    (create,) = [each.create for each in statements if each.name == view]
    # Some versions of sqlglot write dateTrunc, others DATE_TRUNC; ClickHouse accepts both.
    assert statement in create.replace(
        "DATE_TRUNC", "dateTrunc" if dialect == "clickhouse" else "DATE_TRUNC"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_placeholders_remain(dialect: str) -> None:
    """No macro, no setting and no relation of ours is left in the statements."""
    ours = "|".join([WALL_CLOCK, *RELATIONS, *_macros()])
    for view in statements_in(dialect)[0]:
        assert not re.search(rf"\$\w|\b({ours})\(", view.create), view.name
