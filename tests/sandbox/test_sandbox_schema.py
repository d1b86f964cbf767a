"""Every response matches the schema of the reference, with the counters of its channel."""

from __future__ import annotations

import base64
import copy
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

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
)
from comms_source.sandbox.queries import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, PARAMETERS

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
SCHEMAS = json.loads((Path(__file__).parents[1] / "fixtures/operations_schema.json").read_text())
GOOD = "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{AUTH_TOKEN}".encode()).decode()
RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_date_time(value: object) -> bool:
    """Whether a text is an RFC 3339 time, which jsonschema alone does not check."""
    return isinstance(value, str) and RFC_3339.fullmatch(value) is not None


def validator(name: str, channel: str = "messages") -> Draft202012Validator:
    """The schema of a response, without additional properties."""
    schema = copy.deepcopy(SCHEMAS[name])
    operation = schema["properties"].get("operations", {}).get("items", schema)
    if name != "TwilioErrors":
        counters = CHANNELS[channel].counters
        if channel == "messages":
            assert set(operation["properties"]["stats"]["required"]) == set(counters)
        operation["properties"]["stats"] = {
            "type": "object",
            "required": list(counters),
            "properties": {name: {"type": "integer", "minimum": 0} for name in counters},
            "additionalProperties": False,
        }
        operation["additionalProperties"] = False
    schema["additionalProperties"] = False
    return Draft202012Validator(schema, format_checker=FORMATS)


LISTS = {channel: validator("ListMessageOperationsResponse", channel) for channel in CHANNELS}
OPERATIONS = {channel: validator("MessageOperation", channel) for channel in CHANNELS}
ERRORS = validator("TwilioErrors")


def problems(rules: Draft202012Validator, content: Any) -> list[str]:
    """The schema violations of a response."""
    return [error.message for error in rules.iter_errors(content)]


def model(**changes: Any) -> SandboxModel:
    """A sandbox without a socket, with a stopped clock."""
    return SandboxModel(SandboxSettings(**{"operations_per_week": 200, **changes}), Clock(NOW))


def ask(
    sandbox: SandboxModel, path: str, *parameters: tuple[str, str], authorization: str = GOOD
) -> Response:
    """One response."""
    return sandbox.respond(Request(path, parameters, authorization))


def error_of(response: Response) -> dict[str, Any]:
    """The error of a response in the documented form."""
    content = msgspec.json.decode(response.body)
    assert problems(ERRORS, content) == []
    (error,) = content["errors"]
    return dict(error)


def test_the_schema_refuses_invalid_rows() -> None:
    """A time without a zone, an invalid id, status or counter, and unknown fields."""
    (row,) = msgspec.json.decode(ask(model(), "/Emails/Operations", ("pageSize", "1")).body)[
        "operations"
    ]
    assert problems(OPERATIONS["emails"], row) == []
    for wrong in (
        {"id": "comms_operation_8aaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"createdAt": "2026-11-20T12:00:30"},
        {"status": "completed"},
        {"stats": row["stats"] | {"total": -1}},
        {"stats": row["stats"] | {"read": 1}},
        {"name": "x"},
    ):
        assert problems(OPERATIONS["emails"], row | wrong)


@settings(max_examples=60)
@given(
    st.sampled_from(list(CHANNELS)),
    st.sampled_from(["seconds", "milliseconds"]),
    st.sampled_from(["exclusive", "cumulative"]),
    st.sampled_from([None, *STATUSES]),
    st.integers(min_value=0, max_value=90 * 24),
)
def test_lists_and_fetches_match_the_schema_at_any_time(
    channel: str, timestamps: str, reading: str, status: str | None, hours: int
) -> None:
    """With any settings, with and without a filter."""
    sandbox = model(
        timestamps=timestamps, readings={channel: reading}, short_pages=True, empty_pages=True
    )
    sandbox.clock.advance(timedelta(hours=hours))
    path = f"/{CHANNELS[channel].path}/Operations"
    filters = [("pageSize", "30"), *([("status", status)] if status else [])]

    content = msgspec.json.decode(ask(sandbox, path, *filters).body)
    assert problems(LISTS[channel], content) == []
    for row in content["operations"][:5]:
        fetched = msgspec.json.decode(ask(sandbox, f"{path}/{row['id']}").body)
        assert problems(OPERATIONS[channel], fetched) == []


@pytest.mark.parametrize("path", [f"/{channel.path}/Operations" for channel in CHANNELS.values()])
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("bad_request", 400, None),
        ("unauthorized", 401, None),
        ("forbidden", 403, None),
        ("not_found", 404, 20404),
        ("too_many_requests", 429, 20429),
        ("internal_error", 500, 20500),
        ("unavailable", 503, 20503),
        ("echo_secrets", 400, None),
    ],
)
def test_errors_match_the_schema_on_lists_and_fetches(
    path: str, kind: str, status: int, code: int | None
) -> None:
    """With the documented code, if there is one."""
    sandbox = model(faults=(Fault(kind=kind),))
    for asked in (path, f"{path}/comms_operation_0"):
        answer = ask(sandbox, asked)
        assert answer.status == status
        assert code in {None, error_of(answer)["code"]}


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        GOOD[:-4],
        GOOD + "=",
        "Basic " + base64.b64encode(f"{AUTH_TOKEN}:{ACCOUNT_ID}".encode()).decode(),
        "Basic " + base64.b64encode(f"{ACCOUNT_ID}:".encode()).decode(),
    ],
)
def test_wrong_credentials_are_answered_with_401(authorization: str) -> None:
    """Before anything else is checked, and without repeating them."""
    for asked in ("/Emails/Operations", "/Emails/Operations/comms_operation_0"):
        answer = ask(model(), asked, ("sort", "x"), authorization=authorization)
        assert answer.status == 401
        assert error_of(answer)["context"] == "null"


def test_a_forbidden_channel_is_answered_with_403() -> None:
    """For that user only, while other channels are served."""
    users = {"SK1": "one", "SK2": "two"}
    sandbox = model(credentials=users, forbidden={"SK1": frozenset({"emails", "messages"})})
    seen = {}
    for user, secret in users.items():
        header = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
        for channel in CHANNELS.values():
            answer = ask(sandbox, f"/{channel.path}/Operations", authorization=header)
            seen[user, channel.name] = answer.status
            if answer.status == 403:
                error_of(answer)

    assert [key for key, status in seen.items() if status == 403] == [
        ("SK1", "messages"),
        ("SK1", "emails"),
    ]
    assert set(seen.values()) == {200, 403}


def test_an_unknown_id_is_answered_with_404() -> None:
    """With the documented code."""
    answer = ask(model(), "/Messages/Operations/comms_operation_01h2xcejqtf2nbrexx3vqjhp41")

    assert answer.status == 404
    assert error_of(answer)["code"] == 20404


def test_the_rate_limit_is_answered_with_429() -> None:
    """With the documented header."""
    sandbox = model(rate_limit=1)
    answers = [ask(sandbox, "/Emails/Operations") for _ in range(4)]
    refused = answers[-1]

    assert [answers[0].status, refused.status] == [200, 429]
    assert error_of(refused)["code"] == 20429
    assert refused.headers["Retry-After"].isdecimal()


def test_the_parameters_are_those_of_the_reference() -> None:
    """Their names, and the limits of the page size."""
    size = SCHEMAS["query"]["pageSize"]

    assert set(PARAMETERS) == set(SCHEMAS["query"])
    assert (size["default"], size["maximum"]) == (DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    assert list(STATUSES) == SCHEMAS["query"]["status"]["enum"]


GOOD_VALUES = {
    "startDate": ("2026-11-19T00:00:00Z", "2026-11-19", "2026-11-19T00:00:00.123456+05:30"),
    "endDate": ("2026-11-19T00:00:00Z", "0001-01-01", "9999-12-31T23:59:59Z"),
    "status": STATUSES,
    "pageSize": ("1", "50", "1000"),
}
BAD_VALUES = {
    "startDate": ("", "yesterday", "2026-02-30", "1763640000", "2026-11-19T25:00:00Z"),
    "endDate": ("", "null", "2026-11-19T00:00:00 02:00", "20266-11-19"),
    "status": ("", "completed", "FAILED", "COMPLETED,CANCELED", " COMPLETED"),
    "pageSize": ("", "0", "-1", "1001", "5.0", "+5", " 5", "1e2", "0x10", "9" * 5000),
    "pageToken": ("", "1", "null"),
}
UNKNOWN = ("StartDate", "startdate", "page_size", "PageSize", "order", "createdAfter", "")


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in GOOD_VALUES.items() for value in values]
)
def test_a_valid_value_is_accepted(name: str, value: str) -> None:
    """As the only parameter."""
    assert ask(model(), "/Emails/Operations", (name, value)).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in BAD_VALUES.items() for value in values]
    + [(name, "x") for name in UNKNOWN],
)
def test_an_invalid_parameter_is_answered_with_400(name: str, value: str) -> None:
    """The error names it, also together with valid ones, and in every channel."""
    for channel in CHANNELS.values():
        beside = () if name == "startDate" else (("startDate", "2026-11-19"),)
        answer = ask(model(), f"/{channel.path}/Operations", *beside, (name, value))
        assert answer.status == 400
        assert error_of(answer)["context"] == f"$.{name}"


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_repeated_parameter_is_answered_with_400(name: str) -> None:
    """The error names it, because it would be unclear which value counts."""
    value = GOOD_VALUES.get(name, ("token",))[0]
    answer = ask(model(), "/Emails/Operations", (name, value), (name, value))

    assert answer.status == 400
    assert error_of(answer)["context"] == f"$.{name}"
    assert "twice" in error_of(answer)["message"]
