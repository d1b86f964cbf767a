"""Checks for warehouses without a connection: settings, statements, views."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any, Final

import duckdb
import pytest
import sqlglot
from clickhouse_driver import Client
from sqlglot import exp

from comms_source.channels import CHANNELS
from comms_source.destinations.pipeline import open_pipeline
from comms_source.tables.bookkeeping import BOOKKEEPING
from comms_source.views.create import _place, _view_names_query
from comms_source.views.files import read_views
from comms_source.views.statements import ViewStatements, view_statements
from tests.warehouses.documented import configured, fragments
from tests.warehouses.sent import NEW_COUNTER, Sent, loaded_schema, merged

WAREHOUSES: Final = ("snowflake", "bigquery", "databricks", "redshift", "clickhouse", "motherduck")
TYPES: Final = {
    "snowflake": {"text": "VARCHAR", "bigint": "BIGINT", "timestamp": "TIMESTAMPLTZ"},
    "bigquery": {"text": "TEXT", "bigint": "BIGINT", "timestamp": "TIMESTAMPTZ"},
    "databricks": {"text": "TEXT", "bigint": "BIGINT", "timestamp": "TIMESTAMPTZ"},
    "redshift": {"text": "VARCHAR", "bigint": "BIGINT", "timestamp": "TIMESTAMPTZ"},
    "clickhouse": {"text": "TEXT", "bigint": "BIGINT", "timestamp": "DATETIME64"},
    "motherduck": {"text": "TEXT", "bigint": "BIGINT", "timestamp": "TIMESTAMPTZ"},
}
"""The types, as sqlglot names them: 64 bits for counters, and times with a zone."""
OPERATIONS: Final = [channel.table for channel in CHANNELS.values()]
HISTORIES: Final = [channel.history_table for channel in CHANNELS.values()]
NOT_PARSED: Final = ("DROP CLUSTERING KEY", "UPDATE `valid_to` = ")
"""Statements that sqlglot cannot parse: one of Snowflake's, and ClickHouse's update."""


@pytest.fixture(params=WAREHOUSES)
def warehouse(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of the warehouses, configured as documented."""
    loaded_schema()
    with configured(request.param):
        yield request.param


@pytest.fixture
def sent(warehouse: str) -> Sent:
    """The statements that dlt would send to it."""
    return Sent(open_pipeline(destination=warehouse))


def tree(statement: str, dialect: str) -> Any:
    """The parsed form of a single statement in a dialect."""
    (parsed,) = [each for each in sqlglot.parse(statement.rstrip("; "), read=dialect) if each]
    known = not isinstance(parsed, exp.Command)
    assert known or any(words in statement for words in NOT_PARSED), statement
    return parsed


def table_in(statement: Any) -> str:
    """The unqualified name of the first table in a statement."""
    return str(statement.find(exp.Table).name)


def path_of(table: Any) -> tuple[str, ...]:
    """A table's full name."""
    return tuple(part.name for part in table.parts)


def test_the_page_has_settings_for_each_warehouse() -> None:
    """Two files for each, and the first one contains no secrets."""
    assert fragments().keys() == set(WAREHOUSES)
    for files in fragments().values():
        assert list(files) == [".dlt/config.toml", ".dlt/secrets.toml"]
        assert not any(word in files[".dlt/config.toml"] for word in ("password", "key =", "token"))


def test_dlt_reads_each_setting_of_the_page(warehouse: str) -> None:
    """They select the destination, and dlt knows all of them."""
    pipeline = open_pipeline()
    destination: Any = pipeline.destination
    config = destination.configuration(destination.spec()._bind_dataset_name("comms"))
    assert destination.destination_name == warehouse
    assert config.credentials.is_resolved()
    documented = _documented(warehouse)
    credentials = documented.pop("credentials")
    for name, value in credentials.items():
        # dlt adds a line end to the last line of a key.
        read = config.credentials[name]
        assert (read.strip() if isinstance(read, str) else read) == value, name
    for name, value in documented.items():
        assert config[name] == value, name


def _documented(warehouse: str) -> dict[str, Any]:
    """The settings below `destination.NAME`, from both files."""
    settings: dict[str, Any] = {"credentials": {}}
    for text in fragments()[warehouse].values():
        section = tomllib.loads(text).get("destination", {}).get(warehouse, {})
        settings["credentials"] |= section.pop("credentials", {})
        settings |= section
    return settings


def test_redshift_is_staged_where_the_page_says() -> None:
    """In the bucket, with dlt's filesystem destination."""
    with configured("redshift"):
        staging: Any = open_pipeline().staging
        assert staging.destination_name == "filesystem"
        config = staging.configuration(staging.spec()._bind_dataset_name("comms"))
        assert config.bucket_url == "s3://my-bucket/comms-staging"
        assert config.credentials.aws_access_key_id == "..."


def test_clickhouse_waits_for_its_mutations() -> None:
    """The setting `mutations_sync` reaches the driver."""
    with configured("clickhouse"):
        config: Any = open_pipeline().destination_client().config
        client = Client.from_url(config.credentials.to_native_representation())
        assert client.settings["mutations_sync"] == "1"


def test_all_tables_can_be_created(sent: Sent) -> None:
    """Each by one valid statement, in the dataset and in the staging dataset."""
    tables = {*OPERATIONS, *HISTORIES, *(record.name for record in BOOKKEEPING)}
    assert tables <= set(sent.tables())
    for table in sent.tables():
        for statement in sent.in_both_datasets(table):
            made = tree(statement, sent.dialect)
            assert (type(made), made.kind) == (exp.Create, "TABLE")
            assert table_in(made).lower().endswith(table)


def test_columns_have_suitable_types(sent: Sent, warehouse: str) -> None:
    """64 bits for counters, zones for times, no length limit for text; keys are not nullable."""
    types = TYPES[warehouse]
    for table in (*OPERATIONS, *HISTORIES, *(record.name for record in BOOKKEEPING)):
        columns = loaded_schema().get_table(table)["columns"]
        (statement,) = sent.create(table)
        made = {
            each.name.lower(): each
            for each in tree(statement, sent.dialect).find_all(exp.ColumnDef)
        }
        assert list(made) == list(columns)
        for name, column in columns.items():
            kind = made[name].args["kind"]
            if column["data_type"] in types and not _is_64_bit_number(kind):
                assert _plain(kind) == types[column["data_type"]], (table, name)
            if column.get("nullable") is False:
                assert not _takes_null(made[name], sent.dialect), (table, name)


def _is_64_bit_number(kind: Any) -> bool:
    """Whether a type is Snowflake's 64-bit integer."""
    return str(kind) == "DECIMAL(19, 0)"


def _plain(kind: Any) -> str:
    """The name of the type, without ClickHouse's Nullable."""
    inner = kind.expressions[0] if kind.this.name == "NULLABLE" else kind
    return str(inner.this.name)


def _takes_null(column: Any, dialect: str) -> bool:
    if dialect == "clickhouse":
        return "Nullable" in column.sql(dialect)
    return column.find(exp.NotNullColumnConstraint) is None


def test_a_new_counter_becomes_a_column(sent: Sent) -> None:
    """In the operations and in the history; it is nullable, for the existing rows."""
    for table in (CHANNELS["emails"].table, CHANNELS["emails"].history_table):
        statements = sent.add_column(table, NEW_COUNTER)
        altered = tree(statements[0], sent.dialect)
        assert isinstance(altered, exp.Alter)
        (column,) = altered.find_all(exp.ColumnDef)
        assert column.name.lower() == NEW_COUNTER
        assert column.find(exp.NotNullColumnConstraint) is None
        assert table_in(altered).lower().endswith(table)


def test_rows_replace_rows_with_the_same_key(sent: Sent) -> None:
    """By delete and insert, with one row per key, from the latest reading."""
    for table in merged(loaded_schema()):
        if table in HISTORIES:
            continue
        removal, insertion = (tree(each, sent.dialect) for each in sent.merge(table))
        assert isinstance(removal, exp.Delete)
        assert isinstance(insertion, exp.Insert)
        key = _key(table)
        assert {each.name.lower() for each in removal.args["where"].find_all(exp.Column)} == key
        (numbered,) = insertion.find_all(exp.Window)
        assert {each.name.lower() for each in numbered.args["partition_by"]} == key
        if table in OPERATIONS:
            assert numbered.args["order"].sql(sent.dialect).lower().count("desc") == 1
            assert "synced_at" in numbered.args["order"].sql(sent.dialect).lower()


def _key(table: str) -> set[str]:
    keys = {record.name: set(record.key) for record in BOOKKEEPING}
    return keys.get(table, {"id"})


def test_histories_end_a_state_and_add_the_next(sent: Sent) -> None:
    """At the same instant, by two statements."""
    for table in HISTORIES:
        ending, adding = sent.merge(table)
        tree(ending, sent.dialect)
        assert isinstance(tree(adding, sent.dialect), exp.Insert)
        for statement in (ending, adding):
            assert "2026-11-20 12:00:31" in statement
            assert "row_version" in statement.lower()
        assert "valid_to" in ending.lower()
        assert "is null" in ending.lower()
        columns = [each.name.lower() for each in tree(adding, sent.dialect).this.expressions]
        assert sorted(columns) == sorted(loaded_schema().get_table(table)["columns"])


def views_for(sent: Sent) -> list[ViewStatements]:
    """The statements with which `comms views` would create the views in the warehouse."""
    place: dict[str, Any] = _place(sent.client.sql_client)
    return view_statements(**place)


def test_views_read_the_tables_of_dlt(sent: Sent) -> None:
    """By their qualified names: project or catalog, dataset and, in ClickHouse, the prefix."""
    client = sent.client.sql_client
    names = [*sent.tables(), *(view.name for view in read_views())]
    there = {
        tuple(part.lower() for part in client.make_qualified_table_name_path(name, quote=False))
        for name in names
    }
    for statements in views_for(sent):
        created = tree(statements.create, sent.dialect)
        ctes = {cte.alias for cte in created.find_all(exp.CTE)}
        used = [table for table in created.find_all(exp.Table) if table.name not in ctes]
        assert used
        for table in used:
            assert tuple(part.lower() for part in path_of(table)) in there
        tree(statements.drop, sent.dialect)


def test_existing_views_are_queried_in_their_dataset(sent: Sent) -> None:
    """The query is valid in the dialect, and selects one dataset of one catalog."""
    client = sent.client.sql_client
    place = _place(client)
    query, values = _view_names_query(client, place)
    parsed = tree(query.replace("%s", "''"), sent.dialect)
    assert len(list(parsed.find_all(exp.EQ))) == len(values) == (2 if place["catalog"] else 1)
    assert place["dataset"].lower() in values


def test_statements_for_motherduck_run_in_duckdb() -> None:
    """In a database with its name: tables, a new column, merges, histories and all views."""
    loaded_schema()
    with configured("motherduck"), duckdb.connect() as db:
        sent = Sent(open_pipeline())
        db.execute("attach ':memory:' as analytics")
        db.execute("create schema analytics.comms")
        db.execute("create schema analytics.comms_staging")
        for table in sent.tables():
            for statement in sent.in_both_datasets(table):
                db.execute(statement)
        emails = CHANNELS["emails"].table
        db.execute(f"alter table analytics.comms.{emails} drop column {NEW_COUNTER}")
        for statement in sent.add_column(emails, NEW_COUNTER):
            db.execute(statement)
        for table in merged(loaded_schema()):
            for statement in sent.merge(table):
                db.execute(statement)
        for statements in views_for(sent):
            db.execute(statements.create)
            for comment in statements.comments:
                db.execute(comment)
            assert db.execute(f"from analytics.comms.{statements.name}").fetchall() is not None
