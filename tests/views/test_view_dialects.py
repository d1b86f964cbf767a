"""What the views become in other dialects than that of their files."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Final

import pytest
import sqlglot
from sqlglot import exp

from comms_source.view_files import View, read_views
from comms_source.view_settings import ViewSettings
from comms_source.view_statements import COMMENTING, ViewStatements, view_statements
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


@cache
def said_in(dialect: str) -> list[tuple[View, ViewStatements, exp.Create]]:
    """Each view, what makes it in a dialect, and what the dialect's parser makes of that."""
    made = view_statements(dialect=dialect, dataset="comms")
    trees = [_tree(each.create, dialect) for each in made]
    return list(zip(read_views(), made, trees, strict=True))


def _tree(statement: str, dialect: str) -> exp.Create:
    (tree,) = sqlglot.parse(statement, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(tree, exp.Create)
    return tree


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_each_view_can_be_said_in_every_dialect(dialect: str) -> None:
    """What comes out is one `create or replace view` that the dialect's parser takes, unwarned."""
    for view, _, tree in said_in(dialect):
        assert (tree.kind, tree.args["replace"], tree.this.name) == ("VIEW", True, view.name)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_a_view_keeps_its_columns_in_every_dialect(dialect: str) -> None:
    """No dialect renames, drops or reorders what the file names."""
    for view, _, tree in said_in(dialect):
        assert tree.expression.named_selects == list(view.columns)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_every_table_is_read_from_the_dataset(dialect: str) -> None:
    """No search path decides which tables a view reads."""
    outside = {*table_schemas(), *(view.name for view in read_views())}
    for _, _, tree in said_in(dialect):
        parts = {cte.alias for cte in tree.find_all(exp.CTE)}
        read = {table for table in tree.expression.find_all(exp.Table) if table.name not in parts}
        assert read
        assert {table.name for table in read} <= outside
        assert {table.db for table in read} == {"comms"}


def parsed_comment(comment: str, dialect: str) -> exp.Expr:
    """As it stands; older versions of sqlglot understand it of a table only, and not of a view."""
    if tuple(map(int, version("sqlglot").split(".")[:2])) < (30, 10):
        comment = comment.replace(" on view ", " on table ", 1)
    return sqlglot.parse_one(comment, read=dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_comments_are_made_where_views_take_them(dialect: str) -> None:
    """One for the view and one for each column, or none where the statement does not exist."""
    for view, statements, _ in said_in(dialect):
        expected = 1 + len(view.columns) if dialect in COMMENTING else 0
        assert len(statements.comments) == expected
        for comment in statements.comments:
            assert isinstance(parsed_comment(comment, dialect), exp.Comment)


def test_that_snowflake_finds_the_names_that_dlt_gave() -> None:
    """There names fold to upper case, dlt's tables do, and a quoted one in lower case is lost."""
    for _, statements, tree in said_in("snowflake"):
        comments = [parsed_comment(each, "snowflake") for each in statements.comments]
        for said in (tree, *comments):
            quoted = [name.this for name in said.find_all(exp.Identifier) if name.args["quoted"]]
            assert quoted == []


@cache
def in_tokyo(dialect: str) -> dict[str, str]:
    """What makes each view, by its name, for people in Tokyo."""
    told = ViewSettings(time_zone="Asia/Tokyo")
    made = view_statements(dialect=dialect, dataset="comms", settings=told)
    return {each.name: each.create for each in made}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_that_nothing_is_lost_in_translation(
    dialect: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What sqlglot cannot say in a dialect it logs, and says something else."""
    in_tokyo.__wrapped__(dialect)
    assert caplog.messages == []


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_that_running_sums_say_which_rows_they_are_of(view: View) -> None:
    """Redshift takes none without a frame, and others would add up all that are alike at once."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    for window in tree.find_all(exp.Window):
        if window.args.get("order") and not isinstance(window.this, exp.RowNumber):
            assert window.args.get("spec")


@pytest.mark.parametrize("view", read_views(), ids=lambda view: view.name)
def test_that_days_are_counted_on_the_calendar_only(view: View) -> None:
    """A day less than an instant depends on whose clock is set back; 24 hours do not."""
    tree = sqlglot.parse_one(view.sql, read="duckdb")
    for interval in tree.find_all(exp.Interval):
        of = interval.parent.this if interval.parent else None
        assert interval.text("unit").upper() == "HOUR" or of == exp.column("today")


@pytest.mark.parametrize(
    ("dialect", "view", "said"),
    [
        ("duckdb", "daily_delivery", "created_at AT TIME ZONE 'Asia/Tokyo'"),
        ("postgres", "daily_delivery", "created_at AT TIME ZONE 'Asia/Tokyo'"),
        ("redshift", "daily_delivery", "created_at AT TIME ZONE 'Asia/Tokyo'"),
        ("redshift", "delivery_trend", "CAST(GETDATE() AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE"),
        (
            "snowflake",
            "hourly_volume",
            "CAST(CONVERT_TIMEZONE('Asia/Tokyo', created_at) AS TIMESTAMPNTZ)",
        ),
        ("snowflake", "stuck_operations", "DATE_PART(EPOCH_MICROSECOND, created_at)"),
        ("bigquery", "hourly_volume", "DATETIME_TRUNC(DATETIME(created_at, 'Asia/Tokyo'), HOUR)"),
        ("bigquery", "stuck_operations", "UNIX_MICROS(created_at)"),
        ("databricks", "daily_delivery", "CONVERT_TIMEZONE('Asia/Tokyo', created_at)"),
        ("databricks", "settle_curve", "TIMESTAMP_MICROS(UNIX_MICROS("),
        ("clickhouse", "daily_delivery", "timeZoneOffset(toTimeZone(created_at, 'Asia/Tokyo'))"),
        ("clickhouse", "stuck_operations", "toUnixTimestamp64Micro(toDateTime64(created_at, 6))"),
        (
            "clickhouse",
            "sync_health",
            "parseDateTime64BestEffort('1970-01-01T00:00:00Z', 6, 'UTC')",
        ),
        (
            "clickhouse",
            "operations",
            " SETTINGS prefer_column_name_to_alias = 1, join_use_nulls = 1",
        ),
    ],
)
def test_that_a_dialect_says_it_in_its_own_words(dialect: str, view: str, said: str) -> None:
    """Tried on ClickHouse 26.9 and Spark 4.3; for the others, by their documentation."""
    assert said in in_tokyo(dialect)[view]
