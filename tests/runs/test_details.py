"""Details of real runs: what is read, what is read again, and what the commands say of it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from comms_source.channels import CHANNELS
from comms_source.cli.app import app
from comms_source.commands.backfill import run_backfill
from comms_source.commands.load import run_load
from comms_source.commands.plan import plan_load
from comms_source.destinations.pipeline import open_pipeline
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Sandbox
from tests.runs.details_world import (
    ALL,
    FAILED,
    asked,
    not_delivered,
    operations_asked,
    outcomes,
    query,
    small,
    stored_attempts,
    stored_errors,
    stored_resources,
    true_attempts,
    true_errors,
    true_resources,
    true_tags,
)
from tests.sandbox.resource_requests import counted
from tests.support import NOW, last_second, load, session_for, settings_for

pytestmark = pytest.mark.slow


@pytest.fixture
def few() -> Iterator[Sandbox]:
    """A sandbox with a few operations of each channel."""
    with small() as serving:
        yield serving


def assert_all_stored(sandbox: Sandbox, *, account: str = "default") -> None:
    """The tables have every resource and tag of the sandbox, as it is now."""
    for channel in CHANNELS:
        expected = true_resources(sandbox, channel, account=account)
        assert stored_resources(channel, account=account) == expected
        tags = query(
            "select operation_id, tag, value, resources from comms.operation_tags "
            f"where channel = '{channel}' and account = '{account}'"
        )
        assert set(tags) == true_tags(sandbox, channel)
        assert len(tags) == len(set(tags))


def test_a_load_reads_all_details(few: Sandbox) -> None:
    """Every resource, attempt, error and tag; their sums are the counters; nothing is due after."""
    summary = load(few, details=ALL, errors_per_operation=1000, details_requests=10**6)
    requests = asked(few)

    assert summary.exit_code == 0
    assert_all_stored(few)
    failed = [row for row in stored_resources("messages").values() if row[3] in FAILED]
    assert stored_attempts() == true_attempts(few, [row[0] for row in failed])
    assert requests["resource"] == len(failed) > 0
    assert all(stored_errors(channel) == true_errors(few, channel) for channel in CHANNELS)
    assert query("select sum(not_asked) from comms.operation_details") == [(0,)]
    for channel in CHANNELS:
        statuses = Counter(row[2:4] for row in stored_resources(channel).values())
        for operation in few.truth(channel):
            reading = "cumulative" if channel == "emails" else "exclusive"
            found = {
                status: count
                for (operation_id, status), count in statuses.items()
                if operation_id == operation["id"]
            }
            assert found == counted(operation["stats"], reading=reading) or "GROUP" in found

    for plan in plan_load(
        settings=settings_for(few, details=ALL), pipeline=open_pipeline(), now=NOW
    ):
        assert plan.details is not None
        assert not plan.details.due


def test_tags_alone_take_one_request_an_operation(few: Sandbox) -> None:
    """The first resource stands for all; it is in no table of resources."""
    summary = load(few, details=["tags"])

    operations = [row["id"] for channel in CHANNELS for row in few.truth(channel)]
    assert summary.exit_code == 0
    assert asked(few) == {"resources": len(operations)}
    assert {
        each.parameters["pageSize"] for each in few.requests if "operationId" in each.parameters
    } == {"1"}
    for channel in CHANNELS:
        assert stored_resources(channel) == {}
        firsts = query(
            f"select operation_id, sub_channel, sender, sender_id, sender_pool_id "
            f"from comms.operation_details where channel = '{channel}' and outcome = 'read'"
        )
        resources = {row[2:3] + row[4:8] for row in true_resources(few, channel).values()}
        assert set(firsts) <= resources
        found = query(
            "select operation_id, tag, value from comms.operation_tags "
            f"where resources is null and channel = '{channel}'"
        )
        every = {each[:3] for each in true_tags(few, channel)}
        assert set(found) <= every
        assert {each[0] for each in found} == {each[0] for each in every}


def test_errors_alone_ask_for_the_failed_messages(few: Sandbox) -> None:
    """Up to `errors_per_operation` of each operation, the rest is counted as not asked for."""
    assert load(few, details=["errors"], errors_per_operation=2).exit_code == 0

    failing = {row["id"]: not_delivered(row) for row in few.truth("messages") if not_delivered(row)}
    resources = true_resources(few, "messages")
    attempts = stored_attempts()
    messages = Counter(resources[message][2] for message in {key for key, _ in attempts})
    assert messages == {name: min(2, count) for name, count in failing.items()}
    assert attempts == true_attempts(few, {key for key, _ in attempts})
    assert dict(
        query(
            "select operation_id, not_asked from comms.operation_details "
            "where channel = 'messages' and kind = 'errors'"
        )
    ) == {name: max(0, count - 2) for name, count in failing.items()}
    assert all(stored_errors(channel) == true_errors(few, channel) for channel in CHANNELS)
    assert stored_resources("messages") == {}


def test_resources_alone_bring_the_tags(few: Sandbox) -> None:
    """In as many pages as the counters say, and nothing else is requested."""
    changes: dict[str, Any] = {"channels": ["emails"], "page_size": 100}
    assert load(few, details=["resources"], **changes).exit_code == 0

    operations = few.truth("emails")
    sizes = [len(few.resource_truth("emails", row["id"])) for row in operations]
    assert asked(few) == {"resources": sum(max(1, -(-size // 100)) for size in sizes)}
    assert stored_resources("emails") == true_resources(few, "emails")
    assert outcomes() == {
        ("emails", kind, "read"): len(operations) for kind in ("tags", "resources")
    }


def test_a_later_run_reads_only_what_changed(few: Sandbox) -> None:
    """Operations that are new, or show another state and have doubled their age."""
    channels = ["messages", "emails"]
    load(few, details=ALL, channels=channels)
    before = {row["id"]: row for channel in channels for row in few.truth(channel)}
    few.requests.clear()
    few.clock.advance(timedelta(hours=20))

    assert load(few, details=ALL, channels=channels).exit_code == 0

    now = few.clock.now()
    after = {row["id"]: row for channel in channels for row in few.truth(channel)}
    created = {name: datetime.fromisoformat(row["createdAt"]) for name, row in after.items()}
    due = {
        name
        for name, row in after.items()
        if name not in before
        or (
            (row["stats"], row["status"]) != (before[name]["stats"], before[name]["status"])
            and (now - NOW >= (now - created[name]) / 2 or now - created[name] >= timedelta(days=6))
        )
    }
    assert due
    assert operations_asked(few) == due
    for channel in channels:
        expected = true_resources(few, channel)
        fresh = {key: row for key, row in expected.items() if row[2] in due}
        stored = stored_resources(channel)
        assert {key: stored[key] for key in fresh} == fresh


def test_the_attempts_of_a_message_are_read_once(few: Sandbox) -> None:
    """Where more messages failed since, only those are fetched."""
    few.clock.set(datetime(2026, 11, 16, 10, 21, 54, tzinfo=UTC))  # A large one began 13 s ago.
    newest = few.truth("messages")[-1]
    changes: dict[str, Any] = {"channels": ["messages"], "details": ["errors"]}
    assert load(few, **changes).exit_code == 0
    first = {key for key, _ in stored_attempts()}
    few.clock.advance(timedelta(seconds=47))

    assert load(few, **changes).exit_code == 0

    stored = {key for key, _ in stored_attempts()}
    failed = {
        key
        for key, row in true_resources(few, "messages").items()
        if row[2] == newest["id"] and row[3] in FAILED
    }
    assert len(failed) == not_delivered(few.truth("messages")[-1]) > not_delivered(newest) > 0
    assert failed <= stored
    assert len(failed & first) == not_delivered(newest)
    assert asked(few)["resource"] == len(stored)


def test_a_backfill_reads_details_too(few: Sandbox) -> None:
    """Of the operations that it has loaded."""
    since = NOW - timedelta(days=6)
    summary = run_backfill(
        session=session_for(few, details=["resources"], channels=["emails"]),
        pipeline=open_pipeline(),
        since=since,
        until=NOW - timedelta(days=1),
    )

    assert summary.exit_code == 0
    loaded = {name for (name,) in query("select id from comms.email_operations")}
    assert loaded
    expected = {key: row for key, row in true_resources(few, "emails").items() if row[2] in loaded}
    assert stored_resources("emails") == expected
    assert query("select command, outcome from comms.runs") == [("backfill", "complete")]


def test_two_accounts_share_a_warehouse(few: Sandbox) -> None:
    """Each has its own details, and nothing is due for it after its own run."""
    with small(seed=248) as other:
        accounts = {"shop": few, "news": other}
        for account, sandbox in accounts.items():
            session = session_for(
                sandbox, account=account, details=["resources"], channels=["emails"]
            )
            pipeline = open_pipeline(account=account)
            assert run_load(session=session, pipeline=pipeline).exit_code == 0
        for account, sandbox in accounts.items():
            stored = stored_resources("emails", account=account)
            assert stored == true_resources(sandbox, "emails", account=account)
            assert len(operations_asked(sandbox)) == len(sandbox.truth("emails"))
            settings = settings_for(sandbox, account=account, details=["resources"])
            for plan in plan_load(settings=settings, pipeline=open_pipeline(), now=NOW):
                assert plan.details is not None
                assert not plan.details.due


def test_what_left_retention_unread_is_reported_once(few: Sandbox) -> None:
    """Exit code 3; operations from before the first details are no loss."""
    changes: dict[str, Any] = {"channels": ["emails"], "details": ["tags"]}
    load(few, **changes, details_requests=3)
    every, read = len(few.truth("emails")), outcomes()["emails", "tags", "read"]
    assert (read, every > read) == (3, True)
    few.clock.advance(timedelta(days=8))

    late = load(few, **changes)

    details = late.stats.channels["emails"].details
    assert late.exit_code == 3
    assert (details.complete, details.expired) == (False, every - read)
    assert any("expired before they were read" in line for line in late.lines())
    assert outcomes()["emails", "tags", "expired"] == every - read
    assert load(few, **changes).stats.channels["emails"].details.expired == 0


def test_operations_from_before_the_first_details_do_not_expire(few: Sandbox) -> None:
    """They were never to be read."""
    load(few, channels=["emails"])
    few.clock.advance(timedelta(days=2))

    first = load(few, channels=["emails"], details=["tags"])

    assert first.exit_code == 0
    assert not outcomes()["emails", "tags", "expired"]
    assert outcomes()["emails", "tags", "read"] == len(few.truth("emails"))


def comms(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_the_commands_show_details(few: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load`, `plan` and `status`, as text and as JSON."""
    few.clock.set(last_second())
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__BASE_URL", few.url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_ID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__CHANNELS", "emails,messages")
    nothing = json.loads(comms("plan", "--json").stdout)
    assert nothing["emails"]["details"] is None
    assert comms("load").exit_code == 0
    operations = len(few.truth("emails"))

    monkeypatch.setenv("SOURCES__COMMS_SOURCE__DETAILS", "tags")
    planned = json.loads(comms("plan", "--json").stdout)["emails"]["details"]
    assert planned == {
        "requests": operations,
        "operations": operations,
        "expiring": planned["expiring"],
        "unread": operations - planned["expiring"],
        "changed": 0,
        "waiting": 0,
        "expired": 0,
    }
    monkeypatch.setenv("SOURCES__COMMS_SOURCE__DETAILS_REQUESTS", "5")
    assert lines_with(
        comms("plan").stdout,
        r"details of \d operations? that are loaded, \d requests?; \d+ more wait for a later run",
    )
    waiting = json.loads(comms("status", "--json").stdout)["channels"]
    assert sum(channel["details_waiting"] for channel in waiting.values()) == operations + len(
        few.truth("messages")
    )
    assert waiting["emails"]["details"] == {}
    assert waiting["emails"]["details_deadline"]
    assert lines_with(
        comms("status").stdout, f"details due +of {operations} operations, the first "
    )

    monkeypatch.setenv("SOURCES__COMMS_SOURCE__DETAILS_REQUESTS", "1000")
    done = comms("load", "--json")
    loaded = json.loads(done.stdout)
    assert (done.exit_code, loaded["outcome"]) == (0, "complete")
    assert loaded["channels"]["emails"]["details"]["operations"] == operations
    assert loaded["channels"]["emails"]["details"]["requests"] == operations
    state = json.loads(comms("status", "--json").stdout)["channels"]["emails"]
    assert (state["details"], state["details_waiting"]) == ({"tags": {"read": operations}}, 0)
    assert state["details_deadline"] is None
    assert lines_with(comms("status").stdout, f"details: tags +{operations} read")
    assert lines_with(comms("plan").stdout, "details of 0 operations that are loaded, 0 requests")
    assert comms("load").exit_code == 0


def lines_with(text: str, pattern: str) -> list[str]:
    """The lines in which a pattern occurs."""
    return [line for line in text.splitlines() if re.search(pattern, line)]


def test_only_channels_that_are_read_are_in_the_summary() -> None:
    """Details of one channel are no news of the others."""
    with small() as sandbox:
        summary = load(sandbox, details=["tags"], channels=["messages"])

    assert summary.stats.channels.keys() == {"messages"}


def test_a_run_without_due_details_loads_no_package_for_them() -> None:
    """Its row in `runs` is concluded all the same."""
    with small() as sandbox:
        first = load(sandbox, details=["tags"])
        again = load(sandbox, details=["tags"])

    assert len(first.load_ids) == len(again.load_ids) + 1
    assert query("select outcome, ended_at is not null from comms.runs") == [("complete", True)] * 2
