"""The sandbox's responses, checked against the schema of the API reference and its settings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from comms_source.channels import CHANNELS, STATUSES
from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Clock,
    Fault,
    Request,
    Response,
    SandboxModel,
    SandboxSettings,
    documented_payloads,
    faults_from,
    sample_names,
)
from comms_source.sandbox.faults import KINDS
from comms_source.sandbox.samples import CHANNEL_OF, operations_in

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
BASIC = "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{AUTH_TOKEN}".encode()).decode()
SCHEMAS = json.loads((Path(__file__).parents[1] / "fixtures/operations_schema.json").read_text())


def model(*, now: datetime = NOW, **changes: Any) -> SandboxModel:
    """A sandbox without a socket."""
    return SandboxModel(SandboxSettings(**{"operations_per_week": 60, **changes}), Clock(now))


def ask(sandbox: SandboxModel, path: str, *parameters: tuple[str, str]) -> Response:
    """Send a request with valid credentials."""
    return sandbox.respond(Request(path, parameters, BASIC))


def decoded(response: Response) -> Any:
    """The JSON of a response."""
    return msgspec.json.decode(response.body)


def pages(
    sandbox: SandboxModel, *parameters: tuple[str, str], channel: str = "messages"
) -> Iterator[dict[str, Any]]:
    """Follow `next` to the end, with the filters sent again."""
    path, token = f"/{CHANNELS[channel].path}/Operations", None
    for _ in range(10_000):
        asked = [*parameters, *([("pageToken", token)] if token else [])]
        page = decoded(ask(sandbox, path, *asked))
        yield page
        token = page["pagination"]["next"]
        if token is None:
            return
    pytest.fail("the pages do not end")


def schema_for(name: str, channel: str) -> dict[str, Any]:
    """The schema of the reference, with the counters of the channel."""
    schema: dict[str, Any] = json.loads(json.dumps(SCHEMAS[name]))
    operation = schema["properties"].get("operations", {}).get("items", schema)
    if channel != "messages":
        stats, counters = operation["properties"]["stats"], CHANNELS[channel].counters
        stats["required"] = list(counters)
        stats["properties"] = {name: {"type": "integer", "minimum": 0} for name in counters}
    return schema


def assert_valid(answer: Any, name: str, channel: str = "messages") -> None:
    """Check the response against the schema, including formats and patterns."""
    validator = Draft202012Validator(
        schema_for(name, channel), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    assert [error.message for error in validator.iter_errors(answer)] == []


@pytest.mark.parametrize("channel", CHANNELS)
def test_lists_and_fetches_satisfy_the_documented_schema(channel: str) -> None:
    """At several ages of the operations."""
    sandbox, path = model(), f"/{CHANNELS[channel].path}/Operations"
    for _ in range(6):
        answer = decoded(ask(sandbox, path, ("pageSize", "100")))
        assert answer["operations"]
        assert_valid(answer, "ListMessageOperationsResponse", channel)
        fetched = decoded(ask(sandbox, f"{path}/{answer['operations'][0]['id']}"))
        assert_valid(fetched, "MessageOperation", channel)
        assert fetched == answer["operations"][0]
        sandbox.clock.advance(timedelta(hours=19))


ERRORS = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "too_many_requests": 429,
    "internal_error": 500,
    "unavailable": 503,
}


@pytest.mark.parametrize(("kind", "status"), ERRORS.items())
def test_errors_satisfy_the_documented_schema(kind: str, status: int) -> None:
    """429 and 503 have a `Retry-After` header."""
    answer = ask(model(faults=(Fault(kind=kind),)), "/Emails/Operations")

    assert answer.status == status
    assert_valid(decoded(answer), "TwilioErrors")
    assert ("Retry-After" in answer.headers) == (status in {429, 503})


@pytest.mark.parametrize("name", ["error_404", "error_429", "error_500", "error_503"])
def test_error_bodies_are_the_documented_ones(name: str) -> None:
    """With the exact texts of the documentation."""
    kind = next(kind for kind, status in ERRORS.items() if status == int(name[-3:]))
    answer = ask(model(faults=(Fault(kind=kind),)), "/Emails/Operations")

    assert decoded(answer) == documented_payloads()[name]


bounds = st.sampled_from(["inclusive", "exclusive"])
undocumented = st.fixed_dictionaries(
    {
        "start_bound": bounds,
        "end_bound": bounds,
        "order": st.sampled_from(["ascending", "descending"]),
        "tokens": st.sampled_from(["strict", "loose"]),
        "short_pages": st.booleans(),
        "empty_pages": st.booleans(),
        "timestamps": st.sampled_from(["seconds", "milliseconds"]),
        "seed": st.integers(min_value=0, max_value=9),
    }
)


@settings(max_examples=60)
@given(
    undocumented,
    st.integers(min_value=1, max_value=40),
    st.sampled_from([None, *STATUSES]),
    st.integers(min_value=0, max_value=59),
    st.integers(min_value=0, max_value=59),
)
def test_following_next_lists_every_operation_of_the_range_once(
    options: dict[str, Any], size: int, status: str | None, first: int, last: int
) -> None:
    """With any order, bounds and forms of pages."""
    sandbox = model(**options)
    truth = sandbox.truth("messages")
    start, end = sorted((truth[first % len(truth)], truth[last % len(truth)]), key=_created)
    filters = [("startDate", start["createdAt"]), ("endDate", end["createdAt"])]
    filters += [("status", status)] if status else []

    got = [
        row
        for page in pages(sandbox, *filters, ("pageSize", str(size)))
        for row in page["operations"]
    ]

    low, high = _created(start), _created(end)
    expected = [
        row
        for row in truth
        if (low < _created(row) or (low == _created(row) and options["start_bound"] == "inclusive"))
        and (
            high > _created(row) or (high == _created(row) and options["end_bound"] == "inclusive")
        )
        and status in {None, row["status"]}
    ]
    assert sorted(row["id"] for row in got) == sorted(row["id"] for row in expected)
    times = [_created(row) for row in got]
    assert times == sorted(times, reverse=options["order"] == "descending")


def _created(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["createdAt"])


@pytest.mark.parametrize("tokens", ["strict", "loose"])
def test_the_token_of_a_page_fetches_the_same_page_again(tokens: str) -> None:
    """`self` is a page token like `next`."""
    sandbox = model(tokens=tokens)
    size = ("pageSize", "7")
    for page in pages(sandbox, size):
        again = ask(
            sandbox, "/Messages/Operations", size, ("pageToken", page["pagination"]["self"])
        )
        assert decoded(again) == page


def test_a_strict_token_is_valid_with_its_own_filters_only() -> None:
    """With other filters, or without them, it is refused."""
    sandbox = model(tokens="strict")
    token = next(pages(sandbox, ("pageSize", "7")))["pagination"]["next"]

    for beside in ([], [("pageSize", "8")], [("pageSize", "7"), ("status", "COMPLETED")]):
        answer = ask(sandbox, "/Messages/Operations", *beside, ("pageToken", token))
        assert answer.status == 400
        assert decoded(answer)["errors"][0]["context"] == "$.pageToken"


def test_a_loose_token_carries_its_filters() -> None:
    """The filters may be left out."""
    sandbox = model(tokens="loose")
    filters = [("pageSize", "7"), ("status", "COMPLETED")]
    token = next(pages(sandbox, *filters))["pagination"]["next"]

    alone = ask(sandbox, "/Messages/Operations", ("pageToken", token))
    beside = ask(sandbox, "/Messages/Operations", *filters, ("pageToken", token))

    assert decoded(alone) == decoded(beside)
    assert len(decoded(alone)["operations"]) == 7


@pytest.mark.parametrize(
    "spoil", [str.upper, lambda t: t[:-3], lambda _: "x", lambda t: t + "AAAA"]
)
def test_an_invalid_token_is_refused(spoil: Callable[[str], str]) -> None:
    """So is a token of another channel."""
    sandbox = model()
    token = next(pages(sandbox, ("pageSize", "7")))["pagination"]["next"]

    assert ask(sandbox, "/Messages/Operations", ("pageToken", spoil(token))).status == 400
    assert ask(sandbox, "/Emails/Operations", ("pageToken", token)).status == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pageSize", "0"),
        ("pageSize", "1001"),
        ("pageSize", "many"),
        ("pageSize", "9" * 5000),
        ("pageSize", "\u0661\u0660"),
        ("startDate", "yesterday"),
        ("endDate", "2026-13-01"),
        ("status", "completed"),
        ("status", "FAILED"),
        ("pagetoken", "x"),
        ("sort", "asc"),
    ],
)
def test_unknown_parameters_and_bad_values_are_refused_by_name(name: str, value: str) -> None:
    """With the documented error body; they are never ignored."""
    answer = ask(model(), "/Emails/Operations", (name, value))

    assert answer.status == 400
    assert_valid(decoded(answer), "TwilioErrors")
    assert decoded(answer)["errors"][0]["context"] == f"$.{name}"


def test_a_repeated_parameter_is_refused() -> None:
    """Even with the same value."""
    twice = [("status", "COMPLETED")] * 2
    assert ask(model(), "/Emails/Operations", *twice).status == 400


@pytest.mark.parametrize(
    "date",
    ["2026-11-19", "2026-11-19T00:00:00Z", "2026-11-19T02:00:00+02:00", "2026-11-19T00:00:00.000Z"],
)
def test_dates_are_read_in_every_documented_form(date: str) -> None:
    """All forms mean the same instant."""
    sandbox = model()
    expected = {row["id"] for row in sandbox.truth("emails") if row["createdAt"] >= "2026-11-19"}

    shown = pages(sandbox, ("startDate", date), ("pageSize", "100"), channel="emails")

    assert {row["id"] for page in shown for row in page["operations"]} == expected


def test_credentials_and_channel_permissions_are_checked() -> None:
    """401 for missing or wrong credentials, 403 if a key has no permission for the channel."""
    sandbox = model(
        credentials={"SK1": "secret", "AC1": "token"}, forbidden={"SK1": frozenset({"emails"})}
    )

    def status(user: str, password: str, path: str) -> int:
        header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return sandbox.respond(Request(path, authorization=header)).status

    assert sandbox.respond(Request("/Emails/Operations")).status == 401
    assert status("SK1", "token", "/Emails/Operations") == 401
    assert status("SK1", "secret", "/Emails/Operations") == 403
    assert status("SK1", "secret", "/Messages/Operations") == 200
    assert status("AC1", "token", "/Emails/Operations") == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/messages",
        "/messages/operations",
        "/Faxes/Operations",
        "/Emails/Operations/x/Receipts",
    ],
)
def test_other_paths_are_not_found(path: str) -> None:
    """With 404 and the documented error body."""
    answer = ask(model(), path)

    assert (answer.status, decoded(answer)["errors"][0]["code"]) == (404, 20404)


def test_operations_past_retention_are_not_listed_or_found() -> None:
    """Unless a setting makes lists show some of them."""
    sandbox = model()
    oldest = sandbox.truth("emails")[0]
    sandbox.clock.advance(timedelta(days=1))
    listed = {row["id"] for row in sandbox.truth("emails")}

    assert oldest["id"] not in listed
    assert ask(sandbox, f"/Emails/Operations/{oldest['id']}").status == 404

    partial = model(past_retention="partial").truth("emails")
    edge = NOW - timedelta(days=7)
    assert any(_created(row) < edge for row in partial)


EDGE = NOW - timedelta(days=7)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("out_of_range", "refused"),
    [
        ("answer", []),
        ("refuse", ["startDate", "endDate"]),
        ("refuse_start", ["startDate"]),
        ("refuse_end", ["endDate"]),
    ],
)
def test_a_range_that_lists_cannot_show_may_be_refused(
    out_of_range: str, refused: list[str]
) -> None:
    """For each bound separately; a range exactly up to the bound is allowed."""
    sandbox = model(out_of_range=out_of_range)
    bounds = {"startDate": (EDGE, EDGE - SECOND), "endDate": (NOW, NOW + SECOND)}

    for name, (allowed, beyond) in bounds.items():
        assert ask(sandbox, "/Emails/Operations", (name, allowed.isoformat())).status == 200
        answer = ask(sandbox, "/Emails/Operations", (name, beyond.isoformat()))
        assert answer.status == (400 if name in refused else 200)
        if name in refused:
            assert_valid(decoded(answer), "TwilioErrors")
            (error,) = decoded(answer)["errors"]
            assert (error["code"], error["context"]) == (20004, f"$.{name}")


def test_a_scan_is_refused_when_its_start_passes_retention() -> None:
    """Because its token contains the start of its range."""
    sandbox = model(out_of_range="refuse")
    query = [("startDate", EDGE.isoformat()), ("pageSize", "7")]
    token = decoded(ask(sandbox, "/Emails/Operations", *query))["pagination"]["next"]
    sandbox.clock.advance(SECOND)

    assert ask(sandbox, "/Emails/Operations", *query, ("pageToken", token)).status == 400


def test_every_response_has_the_sandboxs_time() -> None:
    """So that clients can measure how far their clock is off."""
    assert ask(model(), "/Emails/Operations").headers["Date"] == "Fri, 20 Nov 2026 12:00:30 GMT"


def test_the_request_log_holds_no_token_and_no_credentials() -> None:
    """Tokens are logged as digests, so that they can be distinguished."""
    sandbox = model()
    list(pages(sandbox, ("pageSize", "30")))
    log = repr(list(sandbox.requests))

    assert len(sandbox.requests) == 2
    assert "sbxtok_" not in log
    assert AUTH_TOKEN not in log
    assert len(sandbox.requests[1].parameters["pageToken"]) == 8


@pytest.mark.parametrize("name", sample_names())
def test_documented_payloads_are_served_unchanged(name: str) -> None:
    """Of any age, including ids that repeat or do not match the pattern."""
    channel = CHANNEL_OF[name.split("_", maxsplit=1)[0]]
    sandbox = model(samples=(name,))
    shown = [row for page in pages(sandbox, channel=channel) for row in page["operations"]]

    assert sorted(shown, key=str) == sorted(operations_in(name), key=str)
    first = operations_in(name)[0]
    assert decoded(ask(sandbox, f"/{CHANNELS[channel].path}/Operations/{first['id']}")) == first


def test_all_samples_together_have_a_repeated_id() -> None:
    """As in the documentation."""
    sandbox = model(samples=tuple(sample_names()))
    ids = [row["id"] for page in pages(sandbox) for row in page["operations"]]

    assert len(ids) > len(set(ids))


def affected(fault: Fault, requests: int = 12) -> list[int]:
    """The numbers of the requests that a fault applies to, counted from 1."""
    sandbox = model(faults=(fault,))
    answers = [ask(sandbox, "/Emails/Operations").status for _ in range(requests)]
    return [position for position, status in enumerate(answers, 1) if status != 200]


@pytest.mark.parametrize(
    ("selector", "changed"),
    [
        ({}, list(range(1, 13))),
        ({"first": 3, "count": 2}, [3, 4]),
        ({"every": 5}, [1, 6, 11]),
        ({"first": 2, "every": 4, "count": 2}, [2, 6]),
        ({"chance": 0.0}, []),
        ({"channel": "messages"}, []),
        ({"endpoint": "fetch"}, []),
        ({"channel": "emails", "endpoint": "list", "count": 1}, [1]),
    ],
)
def test_a_fault_applies_to_the_requests_that_it_selects(
    selector: dict[str, Any], changed: list[int]
) -> None:
    """The requests that match are counted."""
    assert affected(Fault(kind="internal_error", **selector)) == changed


def test_chance_is_decided_by_the_seed() -> None:
    """It applies to the same requests each time, and to neither none nor all of them."""
    fault = Fault(kind="internal_error", chance=0.5)

    assert affected(fault, 40) == affected(fault, 40)
    assert 5 < len(affected(fault, 40)) < 35


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"kind": "earthquake"},
        {"kind": "reset", "evry": 2},
        {"kind": "reset", "channel": "fax"},
        {"kind": "reset", "every": 0},
        {"kind": "reset", "chance": 2.0},
    ],
)
def test_an_invalid_fault_is_refused(entry: dict[str, Any]) -> None:
    """So that a fault with a typing error is noticed."""
    with pytest.raises((ValueError, TypeError)):
        faults_from([entry])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_changes_the_answer(kind: str) -> None:
    """No kind is without an effect."""
    plain, changed = model(), model(faults=(Fault(kind=kind),))
    lately = ("startDate", (NOW - timedelta(days=1)).isoformat())
    operation = next(row["id"] for row in plain.truth("messages") if row["stats"]["sent"])
    lists = [
        [ask(sandbox, "/Messages/Operations", lately) for sandbox in (plain, changed)],
        [ask(sandbox, "/Messages", ("operationId", operation)) for sandbox in (plain, changed)],
    ]

    assert [one != other for one, other in lists] == [
        kind not in {"ignored_filter", "row_without_related", "row_of_another_operation"},
        kind not in {"ignored_dates", "new_counter", "row_with_text_counter", "missing_counter"},
    ]
