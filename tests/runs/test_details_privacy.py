"""No address, name, device token or content of a person is where it does not belong."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import dlt
import duckdb
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.destinations.pipeline import open_pipeline
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, PRIVATE_DATA, Fault, Sandbox
from comms_source.tables.detail_tables import DETAIL_TABLES, resource_table
from comms_source.tables.personal_data import PersonalData
from tests.runs.details_world import ALL, KEY, query, small
from tests.runs.test_secrets import SECRETS, run_at_debug
from tests.sandbox.resource_requests import fetched
from tests.support import FILE, last_second, session_for

OURS: Final = "SOURCES__COMMS_SOURCE"
PRIVATE: Final = re.compile(PRIVATE_DATA.pattern.encode(), re.IGNORECASE)
FAULTS: Final = (
    Fault(kind="row_without_id", endpoint="resources", rows=9),
    Fault(kind="new_field", endpoint="resources", rows=5, name="note"),
    Fault(kind="repeat_token", endpoint="resources", channel="emails", first=4, count=2),
    Fault(kind="cut_json", endpoint="resources", first=3, count=1),
    Fault(kind="cut_json", endpoint="resource", first=2, count=1),
    Fault(kind="echo_secrets", endpoint="resource", first=4, count=1),
    Fault(kind="redirect", endpoint="errors", first=2, count=1),
    Fault(kind="no_envelope", endpoint="resources", channel="messages", first=2, count=1),
)
"""What may have an answer end up in an error or a log."""


@pytest.fixture
def few() -> Iterator[Sandbox]:
    """A sandbox with a few operations of each channel; its clock stopped a moment ago."""
    with small(operations_per_week=6) as serving:
        serving.clock.set(last_second())
        yield serving


def private_texts(sandbox: Sandbox) -> set[str]:
    """Every address, name, token, profile and body that the sandbox serves."""
    found: set[str] = set()
    for channel in CHANNELS:
        for row in sandbox.resource_truth(channel, None):
            for person in row["to"]:
                names = person.keys() & {"address", "name", "token", "user", "profileId"}
                found |= {person[name] for name in names}
        for row in sandbox.resource_truth(channel, None)[:50]:
            content = (fetched(sandbox, channel, row["id"]) or {})["content"]
            found |= {text for text in content.values() if isinstance(text, str)}
    return found


def as_text(path: Path) -> bytes:
    """The content of a file, also where it is compressed."""
    raw = path.read_bytes()
    if path.suffix == ".parquet":
        return raw + repr(pyarrow.parquet.read_table(path).to_pylist()).encode()
    if raw[:2] == b"\x1f\x8b":
        return gzip.decompress(raw)
    return raw


def files_with(pattern: re.Pattern[bytes], folder: Path) -> set[str]:
    """The names of the files in which a pattern occurs."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {str(path) for path in files if pattern.search(as_text(path))}


def columns_with_private_data() -> Counter[tuple[str, str]]:
    """In which table and column of the DuckDB file private data is, and in how many rows."""
    found: Counter[tuple[str, str]] = Counter()
    with duckdb.connect(FILE, read_only=True) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_type = 'BASE TABLE'"  # Views have nothing else.
        ).fetchall()
        assert {name for _, name in tables} >= {spec.name for spec in DETAIL_TABLES}
        for schema, table in tables:
            rows = connection.execute(f'select * from "{schema}"."{table}"')
            names = [column for column, *_ in rows.description or ()]
            for row in rows.fetchall():
                texts = zip(names, map(str, row), strict=True)
                found.update(
                    (f"{schema}.{table}", name) for name, text in texts if PRIVATE_DATA.search(text)
                )
    return found


def load_with(pii: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Load in a process of its own, with every logger at DEBUG; returns what it wrote."""
    monkeypatch.setenv(f"{OURS}__DETAILS", ",".join(ALL))
    monkeypatch.setenv(f"{OURS}__PII", pii)
    monkeypatch.setenv(f"{OURS}__PII_KEY", KEY)
    monkeypatch.setenv(f"{OURS}__ERRORS_PER_OPERATION", "3")
    sandbox.faults.replace(FAULTS)
    done = run_at_debug(sandbox, "load")
    sandbox.faults.replace([])
    assert done.returncode == 3, done.stderr[-3000:].decode()
    assert b"DEBUG" in done.stderr
    return done.stdout + done.stderr


def report_page(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The HTML page about what is loaded."""
    monkeypatch.setenv(f"{OURS}__BASE_URL", sandbox.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    shown = CliRunner().invoke(app, ["report", "--html", "page.html"], catch_exceptions=False)
    assert shown.exit_code == 0
    return shown.stdout.encode() + Path("page.html").read_bytes()


@pytest.mark.slow
def test_the_search_finds_all_that_is_private(few: Sandbox) -> None:
    """The tests below rely on that."""
    texts = private_texts(few)

    assert len(texts) > 1000
    assert {text for text in texts if not PRIVATE_DATA.search(text)} == set()


@pytest.mark.slow
@pytest.mark.parametrize("pii", ["drop", "hash"])
def test_nothing_private_is_left_by_a_load(
    few: Sandbox, pii: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In output, logs at DEBUG, tables, files, state and traces, and in the page of the report."""
    written = load_with(pii, few, monkeypatch)
    page = report_page(few, monkeypatch)

    assert not PRIVATE.search(written)
    assert not PRIVATE.search(page)
    assert columns_with_private_data() == Counter()
    assert files_with(PRIVATE, tmp_path) == set()
    secret = re.compile(b"|".join(re.escape(each.encode()) for each in (*SECRETS, KEY)))
    assert not secret.search(written + page)
    assert files_with(secret, tmp_path) == set()
    assert any(path.name == "trace.pickle" for path in tmp_path.rglob("*"))
    for channel in CHANNELS:
        recipients: dict[Any, Any] = dict(query(f"select id, recipient from comms.{channel}"))
        assert recipients
        assert recipients == expected_recipients(few, channel, recipients, pii)


def expected_recipients(
    sandbox: Sandbox, channel: str, ids: Any, pii: Any
) -> dict[str, str | None]:
    """What the column `recipient` has of resources that were loaded."""
    personal = PersonalData(pii=pii, key=KEY)
    return {
        row["id"]: personal.address(row["to"][0].get("address")) if len(row["to"]) == 1 else None
        for row in sandbox.resource_truth(channel, None)
        if row["id"] in ids
    }


@pytest.mark.slow
def test_keep_keeps_addresses_in_one_column(
    few: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing else of a person; not in the output, the logs, the state, the traces or the page."""
    written = load_with("keep", few, monkeypatch)
    page = report_page(few, monkeypatch)

    assert not PRIVATE.search(written + page)
    found = columns_with_private_data()
    assert {column for _, column in found} == {"recipient"}
    assert {table for table, _ in found} == {"comms.messages", "comms.emails"}
    contents = re.compile(rb"sbxbody|sbxdevice_|mem_profile_0sbx|Sbxperson \d")
    assert files_with(contents, tmp_path) == set()
    allowed = {f"{FILE}", *(f"{channel}." for channel in CHANNELS)}
    left = files_with(PRIVATE, tmp_path)
    assert {path for path in left if not any(name in path for name in allowed)} == set()
    for channel in CHANNELS:
        recipients: dict[Any, Any] = dict(query(f"select id, recipient from comms.{channel}"))
        assert recipients == expected_recipients(few, channel, recipients, "keep")


@pytest.mark.slow
@pytest.mark.parametrize("pii", ["drop", "hash"])
def test_nothing_private_is_in_a_pending_package(few: Sandbox, pii: str, tmp_path: Path) -> None:
    """Neither in what is extracted nor in what is normalized, should the run die there."""
    session = session_for(few, details=ALL, pii=pii, pii_key=KEY, errors_per_operation=3)
    resources = operation_resources(session)
    pipeline = open_pipeline()
    pipeline.extract(dlt.source(lambda: resources, name="comms_source", section="comms_source")())
    resources_of = [resource_table(channel).name for channel in CHANNELS.values()]

    for step in (lambda: None, pipeline.normalize):
        step()
        pending = [path.name for path in tmp_path.rglob("*.parquet")]
        assert all(any(name.startswith(f"{each}.") for name in pending) for each in resources_of)
        assert files_with(PRIVATE, tmp_path) == set()


def test_the_search_looks_into_compressed_files(tmp_path: Path) -> None:
    """Parquet and gzip."""
    rows: Any = pyarrow.table({"recipient": ["sbxperson7@example.org"] * 1000})
    pyarrow.parquet.write_table(rows, tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "b").write_bytes(gzip.compress(b"to +120055501007 today"))
    (tmp_path / "c").write_bytes(b"nobody")

    found = files_with(PRIVATE, tmp_path)

    assert {Path(path).name for path in found} == {"a.parquet", "b"}
