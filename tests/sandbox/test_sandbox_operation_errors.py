"""The errors of an operation: the codes behind its counters, with counts."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comms_source.channels import CHANNELS
from comms_source.sandbox import SandboxModel
from comms_source.sandbox.error_codes import code_of, error_of
from tests.sandbox.resource_requests import Row, ask, content, fetched, model, pages, small

FIELDS = {"code", "message", "infoUrl", "count", "firstOccurredAt", "lastOccurredAt"}
CODES = {
    "messages": {21610, 30003, 30005, 30006, 30007, 30008, 30034, 63003, 63016, 63024},
    "emails": {421, 452, 550, 554},
    "push_notifications": {52102, 52134},
}


def path_of(channel: str, operation_id: str) -> str:
    """Where the errors of an operation are."""
    return f"/{CHANNELS[channel].path}/Operations/{operation_id}/Errors"


def errors(sandbox: SandboxModel, channel: str, operation_id: str) -> list[Row]:
    """The errors of an operation."""
    path = path_of(channel, operation_id)
    return [row for page in pages(sandbox, path) for row in page["errors"]]


def troubled(sandbox: SandboxModel, channel: str) -> list[Row]:
    """The operations with errors and with few resources."""
    return [row for row in small(sandbox, channel, most=400) if _wrong(row["stats"])]


def _wrong(stats: Row) -> int:
    count: int = stats["failed"] + stats.get("undelivered", 0)
    return count


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_counts_add_up_to_the_counters(channel: str) -> None:
    """To those of failed and undelivered resources, the most frequent code first."""
    sandbox = model(operations_per_week=150)
    seen = set()
    for operation in troubled(sandbox, channel):
        found = errors(sandbox, channel, operation["id"])
        counts = [row["count"] for row in found]
        assert sum(counts) == _wrong(operation["stats"])
        assert counts == sorted(counts, reverse=True)
        assert all(row.keys() == FIELDS for row in found)
        assert found == sandbox.truth_of_errors(channel, operation["id"])
        seen |= {row["code"] for row in found}

    assert seen == CODES[channel]


def test_the_codes_are_those_of_the_last_attempts() -> None:
    """Of messages that failed or were undelivered; with the times at which that became known."""
    sandbox = model(operations_per_week=120)
    for operation in troubled(sandbox, "messages"):
        wrong = [
            (row["attempts"][-1]["error"], row["updatedAt"])
            for each in sandbox.resource_truth("messages", operation["id"])
            if each["status"] in {"FAILED", "UNDELIVERED"}
            for row in (fetched(sandbox, "messages", each["id"]),)
            if row is not None
        ]
        expected = Counter(error["code"] for error, _ in wrong)
        found = errors(sandbox, "messages", operation["id"])
        assert {row["code"]: row["count"] for row in found} == expected
        for row in found:
            same = [(error, at) for error, at in wrong if error["code"] == row["code"]]
            assert all(error.items() <= row.items() for error, _ in same)
            times = [at for _, at in same]
            assert (row["firstOccurredAt"], row["lastOccurredAt"]) == (min(times), max(times))


@settings(max_examples=60)
@given(
    st.sampled_from(list(CHANNELS)),
    st.integers(min_value=0),
    st.timedeltas(timedelta(0), timedelta(days=6)),
)
def test_the_counts_add_up_at_every_instant(channel: str, which: int, age: timedelta) -> None:
    """As the counters do."""
    sandbox = model()
    operations = troubled(sandbox, channel)
    operation = operations[which % len(operations)]
    sandbox.clock.set(datetime.fromisoformat(operation["createdAt"]) + age)
    shown = content(ask(sandbox, path_of(channel, operation["id"]).removesuffix("/Errors")))

    found = errors(sandbox, channel, operation["id"])
    assert sum(row["count"] for row in found) == _wrong(shown["stats"])


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("tokens", ["strict", "loose"])
def test_errors_have_pages(short: bool, tokens: Any) -> None:
    """With `pageSize` and `pageToken`, and a token of one operation is not for another."""
    sandbox = model(operations_per_week=150, tokens=tokens, short_pages=short, empty_pages=short)
    truths = {
        row["id"]: sandbox.truth_of_errors("emails", row["id"])
        for row in troubled(sandbox, "emails")
    }
    one, other = [each for each, rows in truths.items() if len(rows) > 2][:2]
    path = path_of("emails", one)

    scanned = list(pages(sandbox, path, pageSize="2"))
    assert [row for page in scanned for row in page["errors"]] == truths[one]
    assert len(scanned) > 1
    token = scanned[0]["pagination"]["next"]
    strange = ask(sandbox, path_of("emails", other), pageSize="2", pageToken=token)
    assert strange.status == (400 if tokens == "strict" else 200)
    assert ask(sandbox, "/Emails", pageToken=token).status == 400


def test_an_operation_without_errors_has_an_empty_list() -> None:
    """It is not an error."""
    sandbox = model()
    sound = next(row for row in sandbox.truth("emails") if not _wrong(row["stats"]))
    page = content(ask(sandbox, path_of("emails", sound["id"])))

    assert (page["errors"], page["pagination"]["next"]) == ([], None)


def test_errors_that_cannot_be_found_are_404() -> None:
    """Of unknown operations, of another channel, past retention, or without the endpoint."""
    sandbox, without = model(), model(errors_endpoint=False)
    operation = troubled(sandbox, "emails")[0]["id"]

    assert ask(sandbox, path_of("emails", operation)).status == 200
    assert ask(without, path_of("emails", operation)).status == 404
    assert ask(sandbox, path_of("messages", operation)).status == 404
    assert ask(sandbox, path_of("emails", "x")).status == 404
    sandbox.clock.advance(timedelta(days=8))
    assert ask(sandbox, path_of("emails", operation)).status == 404
    assert sandbox.truth_of_errors("emails", operation) == []


@pytest.mark.parametrize("name", ["status", "startDate", "operationId", "code"])
def test_unknown_parameters_are_refused(name: str) -> None:
    """By name."""
    sandbox = model()
    answer = ask(sandbox, path_of("emails", sandbox.truth("emails")[0]["id"]), **{name: "x"})

    assert answer.status == 400
    assert msgspec.json.decode(answer.body)["errors"][0]["context"] == f"$.{name}"


def test_a_code_has_its_text_and_its_page() -> None:
    """As the documentation shows the errors of an attempt."""
    assert error_of(61337) == {
        "code": 61337,
        "message": "The recipient does not have RCS.",
        "infoUrl": "https://twilio.com/docs/api/errors/61337",
    }


def test_frequent_codes_are_frequent() -> None:
    """In proportion to their weights."""
    counts = Counter(code_of("UNDELIVERED", "SMS", key) for key in range(10_000))

    assert counts.keys() == {30003, 30005, 30006, 30008}
    assert 0.47 < counts[30003] / 10_000 < 0.53
    assert 0.08 < counts[30008] / 10_000 < 0.12
