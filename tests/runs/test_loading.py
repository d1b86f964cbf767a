"""Loading into a DuckDB file: it is opened once, with bounded memory."""

from __future__ import annotations

from pathlib import Path

import dlt
import duckdb
import pyarrow as pa
import pytest

from comms_source.destinations.duckdb_file import (
    MAX_PARALLEL_JOBS,
    MEGABYTES_PER_THREAD,
    held_open,
    share_threads,
)
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import Sandbox
from comms_source.tables.registry import all_tables
from tests.support import FILE, load


def limit_within(pipeline: dlt.Pipeline) -> float:
    """DuckDB's memory limit, in millions of bytes, while the pipeline's file is kept open."""
    with held_open(pipeline), duckdb.connect(FILE) as beside:
        text, threads = beside.execute(
            "select current_setting('memory_limit'), current_setting('threads')"
        ).fetchall()[0]
    assert threads
    number, unit = text.split()
    return float(number) * {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit] / 1e6


@pytest.mark.slow
def test_duckdb_uses_no_more_memory_than_its_threads_need(sandbox: Sandbox) -> None:
    """By default it would use most of the machine's."""
    load(sandbox)
    with duckdb.connect() as anywhere:
        (threads,) = anywhere.execute("select current_setting('threads')").fetchall()[0]

    limit = limit_within(open_pipeline())

    assert limit == pytest.approx(MEGABYTES_PER_THREAD * max(2, threads), rel=0.01)


@pytest.mark.slow
def test_a_memory_limit_set_by_the_user_is_kept(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set in dlt's settings."""
    config = '{"memory_limit": "333MB"}'
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", config)
    load(sandbox)

    assert limit_within(open_pipeline()) == pytest.approx(333, rel=0.01)


@pytest.mark.parametrize(
    ("threads", "files", "setting", "jobs", "each"),
    [
        (1, 6, None, 1, 1),
        (2, 6, None, 2, 1),
        (2, 1, None, 1, 2),
        (3, 6, None, 3, 1),
        (16, 6, None, MAX_PARALLEL_JOBS, 4),
        (16, 2, None, 2, 8),
        (2, 1, "7", 7, 1),
    ],
)
def test_jobs_that_run_at_once_share_the_threads(
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
    files: int,
    setting: str | None,
    jobs: int,
    each: int,
) -> None:
    """As many jobs as there are tables or threads, up to four; `load.workers` takes precedence."""
    if setting:
        monkeypatch.setenv("LOAD__WORKERS", setting)
    tables = [
        dlt.resource([pa.table({"id": [1]})], name=f"some{number}") for number in range(files)
    ]
    pipeline = open_pipeline()
    pipeline.extract(tables)
    pipeline.normalize()

    with held_open(pipeline) as client:
        client.execute_sql(f"set threads = {threads}")
        assert share_threads(pipeline, client) == jobs
        assert client.execute_sql("select current_setting('threads')") == [(each,)]


def test_threads_set_by_the_user_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are set in dlt's settings, and are not divided."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__GLOBAL_CONFIG", '{"threads": 3}')
    pipeline = open_pipeline()

    with held_open(pipeline) as client:
        assert share_threads(pipeline, client) == 1
        assert client.execute_sql("select current_setting('threads')") == [(3,)]


@pytest.mark.slow
def test_a_load_leaves_the_settings_of_other_connections_as_they_were(sandbox: Sandbox) -> None:
    """DuckDB's settings apply to a whole process: a script's own queries would stay slow."""
    query = "select current_setting('threads'), current_setting('memory_limit')"
    load(sandbox)
    with duckdb.connect(FILE) as beside:
        before = beside.execute(query).fetchall()
        load(sandbox, refresh="full")

        assert beside.execute(query).fetchall() == before


@pytest.mark.slow
def test_the_file_is_open_only_while_loading(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for all jobs, and not while the API is read, so that others can read the file."""
    held: dict[str, bool] = {}
    steps = {name: getattr(dlt.Pipeline, name) for name in ("extract", "load")}

    def watching(name: str) -> object:
        def step(self: dlt.Pipeline, *given: object, **named: object) -> object:
            held[name] = _is_open(Path(FILE))
            return steps[name](self, *given, **named)

        return step

    load(sandbox)
    for name in steps:
        monkeypatch.setattr(dlt.Pipeline, name, watching(name))
    load(sandbox)

    assert held == {"extract": False, "load": True}


@pytest.mark.slow
@pytest.mark.parametrize("setting", [None, "false"])
def test_nothing_is_left_in_the_staging_tables(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    """They would need as much space as the last load; the user's setting takes precedence."""
    if setting:
        monkeypatch.setenv("LOAD__TRUNCATE_STAGING_DATASET", setting)
    load(sandbox)

    with duckdb.connect(FILE, read_only=True) as connection:
        (left,) = connection.execute(
            "select count(*) from comms_staging.email_operations"
        ).fetchall()[0]
    assert bool(left) == bool(setting)


def _is_open(file: Path) -> bool:
    """Whether this process has the file open."""
    opened = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            opened.append(link.readlink())
        except FileNotFoundError:
            continue
    return file.resolve() in opened


@pytest.mark.slow
@pytest.mark.usefixtures("views")
def test_tables_have_comments_as_views_have(sandbox: Sandbox) -> None:
    """On each table and each of its columns, in the sentences of the registry."""
    load(sandbox, details=["tags"])

    with duckdb.connect(FILE, read_only=True) as connection:
        tables = dict(
            connection.execute(
                "select table_name, comment from duckdb_tables() where schema_name = 'comms'"
            ).fetchall()
        )
        columns = connection.execute(
            "select table_name, column_name, comment from duckdb_columns() "
            "where schema_name = 'comms'"
        ).fetchall()
    comments = {(table, column): comment for table, column, comment in columns}
    for spec in all_tables(details=True):
        assert tables[spec.name] == spec.description
        for name in spec.column_names:
            assert comments[spec.name, name] == spec.described(name) != ""


@pytest.mark.slow
def test_a_new_file_can_be_read_by_older_programs(sandbox: Sandbox) -> None:
    """Whichever DuckDB makes it, its format is that of DuckDB 1.0."""
    load(sandbox)

    with duckdb.connect("twilio_comms.duckdb", read_only=True) as connection:
        query = "select tags['storage_version'] from duckdb_databases() where not internal"
        (version,) = connection.execute(query).fetchall()[0]
    assert version.startswith("v1.0.0")
