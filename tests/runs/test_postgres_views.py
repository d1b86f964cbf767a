"""Views on PostgreSQL when an upgrade changes them: nothing of other users is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comms_source.commands.views import run_views
from comms_source.errors import LoadFailed
from comms_source.sandbox import Sandbox
from comms_source.views import postgres_views
from comms_source.views.create import MADE
from comms_source.views.files import read_views, tables_of
from tests.postgres import Postgres
from tests.runs.on_postgres import load_there, pipeline, reader, rows

NAMES = [view.name for view in read_views()]
ROLES = ("analyst", "auditor")

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("views")]


@pytest.fixture(autouse=True)
def loaded(sandbox: Sandbox, cursor: Any) -> Iterator[None]:
    """A load with all views, and two roles that own nothing."""
    for role in ROLES:
        cursor.execute(f"drop role if exists {role}")
        cursor.execute(f"create role {role}")
    assert load_there(sandbox).views == NAMES
    yield
    cursor.execute("drop schema comms cascade")
    for role in ROLES:
        cursor.execute(f"drop owned by {role}; drop role {role}")


def as_before(cursor: Any, name: str, columns: str) -> None:
    """Create a view as an earlier version had it, with our views that read it."""
    ours = [each for each in NAMES if each == name or each in above(name)]
    queries = {each: definition(cursor, each) for each in ours}
    cursor.execute(f"drop view comms.{name} cascade")
    for each, query in queries.items():
        chosen = columns if each == name else "v.*"
        cursor.execute(f"create view comms.{each} as select {chosen} from ({query}) as v")
    for noted in Path(pipeline().pipelines_dir).glob(f"*.{MADE}"):
        noted.unlink()


def definition(cursor: Any, name: str) -> str:
    """The query of a view, as PostgreSQL has it."""
    ((query,),) = rows(cursor, f"select pg_get_viewdef('comms.{name}'::regclass)")
    return str(query).rstrip(";")


def above(name: str) -> set[str]:
    """Our views that read one of ours, by the files."""
    reading = {view.name: tables_of(view.sql) for view in read_views()}
    found: set[str] = set()
    for each in NAMES:
        if reading[each] & {name, *found}:
            found.add(each)
    return found


def columns_of(cursor: Any, name: str) -> list[str]:
    """The columns of a view, in order."""
    query = f"""
        select attname from pg_attribute where attrelid = 'comms.{name}'::regclass and attnum > 0
        order by attnum
    """
    return [column for (column,) in rows(cursor, query)]


def expected_columns(name: str) -> list[str]:
    """The columns of a view in our files."""
    return next(list(view.columns) for view in read_views() if view.name == name)


def identities(cursor: Any) -> dict[str, int]:
    """What shows whether a view is still the same one."""
    query = "select relname, oid from pg_class where relkind = 'v'"
    return dict(rows(cursor, query + " and relnamespace = 'comms'::regnamespace"))


def grants(cursor: Any) -> set[tuple[Any, ...]]:
    """The privileges on our views and their columns, without the owner's."""
    query = """
        select relname, '', grantee::regrole::text, privilege_type, is_grantable
        from pg_class, aclexplode(relacl)
        where relkind = 'v' and relnamespace = 'comms'::regnamespace and grantee <> relowner
        union
        select attrelid::regclass::text, attname, grantee::regrole::text, privilege_type,
               is_grantable
        from pg_attribute, aclexplode(attacl) where attrelid::regclass::text like 'comms.%'
    """
    return set(rows(cursor, query))


def grant(cursor: Any) -> set[tuple[Any, ...]]:
    """Grants on a view and one that reads it: to all, to a role, with grant option, on a column."""
    cursor.execute("grant select on comms.operation_completions to public, auditor")
    cursor.execute("grant select on comms.completion_times to analyst with grant option")
    cursor.execute("grant select (share) on comms.completion_sla to analyst")
    given = grants(cursor)
    assert len(given) == 4
    return given


def test_new_columns_go_last_and_nothing_is_dropped(
    sandbox: Sandbox, cursor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A user's view on top of it, and all grants, are kept."""
    columns = reversed(expected_columns("daily_delivery"))
    former = [column for column in columns if column != "api_sent"]
    as_before(cursor, "daily_delivery", ", ".join(former))
    cursor.execute("grant select on comms.daily_delivery to analyst")
    cursor.execute("create view public.mine as select * from comms.daily_delivery")
    cursor.execute("alter view comms.daily_delivery set (security_invoker = true)")
    before, given = identities(cursor), grants(cursor)

    for _ in range(2):
        assert load_there(sandbox).views == NAMES
        assert identities(cursor) == before
        assert columns_of(cursor, "daily_delivery") == [*former, "api_sent"]
        Path(pipeline().pipelines_dir, f"comms.{MADE}").unlink()
    assert grants(cursor) == given
    assert rows(cursor, "select count(*) from mine") == rows(
        cursor, "select count(*) from comms.daily_delivery"
    )
    options = "select reloptions from pg_class where oid = 'comms.daily_delivery'::regclass"
    assert rows(cursor, options) == [(["security_invoker=true"],)]
    assert "views" not in caplog.text


CHANGES = {
    "a column gone": "v.*, 1 as gone",
    "another type": ", ".join(
        f"{column}::varchar(99) as {column}" if column == "id" else column
        for column in expected_columns("operation_completions")
    ),
}


@pytest.mark.parametrize("columns", CHANGES.values(), ids=CHANGES.keys())
def test_a_view_that_is_created_again_keeps_its_grants(
    sandbox: Sandbox, cursor: Any, columns: str
) -> None:
    """Only that view and ours that read it are created again; each keeps its grants."""
    as_before(cursor, "operation_completions", columns)
    given, before = grant(cursor), identities(cursor)
    cursor.execute("alter default privileges in schema comms grant select on tables to analyst")

    assert load_there(sandbox).views == NAMES

    assert grants(cursor) == given
    now = identities(cursor)
    changed = {name for name in NAMES if now[name] != before[name]}
    assert changed == {"operation_completions", *above("operation_completions")}
    assert columns_of(cursor, "operation_completions") == expected_columns("operation_completions")
    described = "select obj_description('comms.operation_completions'::regclass) is not null"
    assert rows(cursor, described) == [(True,)]


IN_THE_WAY = {
    "view": (
        "create view public.mine as select gone from comms.operation_completions",
        "public.mine",
    ),
    "function": (
        """
        create function public.mine() returns bigint language sql
        begin atomic select count(gone) from comms.operation_completions; end
        """,
        "function mine",
    ),
}


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_a_view_that_a_users_view_reads_is_kept_and_named(
    sandbox: Sandbox, cursor: Any, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """The load is complete, the other views are new; without the user's view, this one is too."""
    create, name = IN_THE_WAY[kind]
    as_before(cursor, "operation_completions", "v.*, 1 as gone")
    cursor.execute(create)
    cursor.execute("drop view comms.daily_delivery")
    before = identities(cursor)

    for _ in range(2):
        summary = load_there(sandbox)
        assert summary.exit_code == 0
        assert summary.views == NAMES
        assert "gone" in columns_of(cursor, "operation_completions")
    assert identities(cursor).items() > before.items()
    assert len(caplog.records) == 2
    assert name in caplog.text
    assert "with it stay those that read it: completion_sla, completion_times" in caplog.text
    with pytest.raises(LoadFailed, match=f"operation_completions stays as it was.*{name}"):
        run_views(pipeline())

    cursor.execute(f"drop {kind} public.mine")
    assert run_views(pipeline()) == NAMES
    assert columns_of(cursor, "operation_completions") == expected_columns("operation_completions")


def test_a_reader_of_a_view_is_not_blocked(
    sandbox: Sandbox,
    cursor: Any,
    postgres: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Others can read; the load warns and is complete; the next one creates the view."""
    as_before(cursor, "daily_delivery", "v.*, 1 as gone")
    monkeypatch.setattr(postgres_views, "MAX_VIEW_WAIT", 2.0)
    query = "select count(*) from comms.daily_delivery"
    waits: list[float] = []
    codes: list[int] = []
    loading = threading.Thread(target=lambda: codes.append(load_there(sandbox).exit_code))
    with reader(postgres, query=query):
        loading.start()
        while loading.is_alive():
            began = time.monotonic()
            with reader(postgres, query=query):
                waits.append(time.monotonic() - began)
    loading.join()

    assert codes == [0]
    assert max(waits) < 1
    assert "stays as it was: it is in use: a long report (PID" in caplog.text
    assert load_there(sandbox).views == NAMES
    assert columns_of(cursor, "daily_delivery") == expected_columns("daily_delivery")


def test_only_a_lost_connection_ends_a_run(
    sandbox: Sandbox, cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says so; the next run creates the views."""
    as_before(cursor, "daily_delivery", "v.*, 1 as gone")

    def lose(own: Any, *_: Any, **__: Any) -> None:
        own.execute("select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as losing:
        losing.setattr(postgres_views, "_create", lose)
        with pytest.raises(LoadFailed, match="PostgreSQL was lost while the views were made"):
            load_there(sandbox)
    assert load_there(sandbox).views == NAMES
