"""What the views become in other dialects than that of their files."""

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
from comms_source.views.macros import CHANNEL_LIST, EACH_CHANNEL
from comms_source.views.settings import ViewSettings
from comms_source.views.statements import COMMENTING, ViewStatements, view_statements
from tests.views.view_tables import table_schemas

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


class Heard(logging.Handler):
    """What sqlglot cannot say in a dialect it logs, and says something else."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note it."""
        self.messages.append(record.getMessage())


@cache
def made_in(dialect: str) -> tuple[list[ViewStatements], list[str]]:
    """What makes each view for people in Tokyo, and what sqlglot had to say about it."""
    heard = Heard()
    logger = logging.getLogger("sqlglot")
    logger.addHandler(heard)
    made = view_statements(dialect=dialect, dataset="comms", settings=TOKYO)
    logger.removeHandler(heard)
    return made, heard.messages


@cache
def said_in(dialect: str) -> list[tuple[View, ViewStatements, exp.Create]]:
    """Each view, what makes it in a dialect, and what the dialect's parser makes of that."""
    made, _ = made_in(dialect)
    trees = [_tree(each.create, dialect) for each in made]
    return list(zip(read_views(), made, trees, strict=True))


def _tree(statement: str, dialect: str) -> exp.Create:
    (tree,) = sqlglot.parse(statement, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(tree, exp.Create)
    return tree


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_view_parses(dialect: str) -> None:
    """What comes out is one `create or replace view` that the dialect's parser takes, unwarned."""
    for view, _, tree in said_in(dialect):
        assert (tree.kind, tree.args["replace"], tree.this.name) == ("VIEW", True, view.name)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_columns_stay(dialect: str) -> None:
    """No dialect renames, drops or reorders what the file names."""
    for view, _, tree in said_in(dialect):
        if not tree.expression.is_star:
            assert tree.expression.named_selects == list(view.columns)
        assert not (tree.expression.is_star and view in public_views())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_table_is_in_the_dataset(dialect: str) -> None:
    """No search path decides which tables a view reads."""
    outside = {*table_schemas(), *(view.name for view in read_views())}
    for _, _, tree in said_in(dialect):
        parts = {cte.alias for cte in tree.find_all(exp.CTE)}
        read = {table for table in tree.expression.find_all(exp.Table) if table.name not in parts}
        assert {table.name for table in read} <= outside
        assert {table.db for table in read} <= {"comms"}


def parsed_comment(comment: str, dialect: str) -> exp.Expr:
    """As it stands; older versions of sqlglot understand it of a table only, and not of a view."""
    if tuple(map(int, version("sqlglot").split(".")[:2])) < (30, 10):
        comment = comment.replace(" on view ", " on table ", 1)
    return sqlglot.parse_one(comment, read=dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_comments_where_views_take_them(dialect: str) -> None:
    """One for the view and one for each column, or none where the statement does not exist."""
    for view, statements, _ in said_in(dialect):
        expected = 1 + len(view.columns) if dialect in COMMENTING else 0
        assert len(statements.comments) == expected
        for comment in statements.comments:
            assert isinstance(parsed_comment(comment, dialect), exp.Comment)


def test_snowflake_finds_names_of_dlt() -> None:
    """There names fold to upper case, dlt's tables do, and a quoted one in lower case is lost."""
    for _, statements, tree in said_in("snowflake"):
        comments = [parsed_comment(each, "snowflake") for each in statements.comments]
        for said in (tree, *comments):
            quoted = [name.this for name in said.find_all(exp.Identifier) if name.args["quoted"]]
            assert quoted == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_lost_in_translation(dialect: str) -> None:
    """There is no part of a view that sqlglot cannot say in a dialect."""
    _, heard = made_in(dialect)
    assert heard == []


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_running_sums_have_frames(view: View) -> None:
    """Redshift takes none without a frame, and others would add up all that are alike at once."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    for window in tree.find_all(exp.Window):
        if window.args.get("order") and not isinstance(window.this, exp.RowNumber):
            assert window.args.get("spec")


CALENDAR: Final = (exp.column("day"), exp.column("today"))
"""Columns that hold a day and no instant."""


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_days_are_of_the_calendar(view: View) -> None:
    """A day less than an instant depends on whose clock is set back; 24 hours do not."""
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
"""By dialect: a view, and what it has there."""


@pytest.mark.parametrize(
    ("dialect", "view", "said"),
    [(dialect, *pair) for dialect, words in WORDS.items() for pair in words],
)
def test_words_of_its_own(dialect: str, view: str, said: str) -> None:
    """Tried on ClickHouse 26.9 and Spark 4.3; for the others, by their documentation."""
    made, _ = made_in(dialect)
    (create,) = [each.create for each in made if each.name == view]
    # Some versions of sqlglot write dateTrunc, others DATE_TRUNC: the same to ClickHouse.
    assert said in create.replace(
        "DATE_TRUNC", "dateTrunc" if dialect == "clickhouse" else "DATE_TRUNC"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_stands_for_something_else(dialect: str) -> None:
    """No macro, no setting and no word of our own is left in what a dialect is given."""
    ours = "|".join([WALL_CLOCK, EACH_CHANNEL, CHANNEL_LIST, *_macros()])
    for view in made_in(dialect)[0]:
        assert not re.search(rf"\$\w|\b({ours})\(", view.create), view.name
