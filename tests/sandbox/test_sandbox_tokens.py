"""Page tokens: which ones are valid, and what they contain."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from comms_source.sandbox import (
    ACCOUNT_ID,
    AUTH_TOKEN,
    Request,
    Response,
    SandboxModel,
    SandboxSettings,
)
from comms_source.sandbox.paging import MARK, decode, encode
from comms_source.sandbox.queries import BadParameter, Position

PATH = "/Messages/Operations"
AUTHORIZATION = "Basic " + base64.b64encode(f"{ACCOUNT_ID}:{AUTH_TOKEN}".encode()).decode()
FILTERS = {
    "startDate": "2000-01-01T00:00:00Z",
    "endDate": "2100-01-01T00:00:00Z",
    "status": "COMPLETED",
    "pageSize": "5",
}
CHANGED = {
    "startDate": "2000-01-01T00:00:01Z",
    "endDate": "2100-01-01T00:00:01Z",
    "status": "SCHEDULED",
    "pageSize": "6",
}

moments = st.none() | st.integers(min_value=-(2**50), max_value=2**50)
positions = st.builds(
    Position,
    channel=st.sampled_from(["messages", "emails", "push_notifications"]),
    next_number=moments,
    start=moments,
    end=moments,
    status=st.none() | st.sampled_from(["SCHEDULED", "COMPLETED"]),
    page_size=st.integers(min_value=1, max_value=1000),
    after_empty=st.booleans(),
    turn=st.integers(min_value=0, max_value=99),
)


def ask(sandbox: SandboxModel, path: str = PATH, **parameters: str) -> Response:
    """Send a request with valid credentials."""
    return sandbox.respond(Request(path, list(parameters.items()), AUTHORIZATION))


def following(sandbox: SandboxModel, **parameters: str) -> str:
    """The token of the second page."""
    token: str = msgspec.json.decode(ask(sandbox, **parameters).body)["pagination"]["next"]
    return token


def context(response: Response) -> Any:
    """The parameter that an error names."""
    return msgspec.json.decode(response.body)["errors"][0]["context"]


@given(positions)
def test_a_token_encodes_its_position_and_has_a_prefix(position: Position) -> None:
    """A search for leaked tokens looks for the prefix."""
    assert encode(position).startswith(MARK)
    assert decode(encode(position)) == position


@settings(max_examples=300)
@given(
    positions,
    st.integers(min_value=0),
    st.integers(min_value=0, max_value=4),
    st.text("ABab019-_=+/!\n é", max_size=4),
)
def test_a_changed_token_is_refused(position: Position, place: int, dropped: int, put: str) -> None:
    """Wherever it is changed, even by a character that a lenient decoder would skip."""
    token = encode(position)
    at = place % (len(token) + 1)
    altered = token[:at] + put + token[at + dropped :]
    assume(altered != token)

    with pytest.raises(BadParameter, match="not valid"):
        decode(altered)


@given(positions, st.text(max_size=40) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_a_forged_token_is_refused(position: Position, text: str) -> None:
    """A forged position has no valid checksum, with or without the prefix."""
    body = base64.urlsafe_b64encode(b"123456" + msgspec.json.encode(position)).decode()
    for forged in (text, MARK + text, body, MARK + body, MARK + body.rstrip("=")):
        with pytest.raises(BadParameter):
            decode(forged)


@pytest.mark.parametrize("tokens", ["strict", "loose"])
@pytest.mark.parametrize("token", ["", "x", MARK, "comms_operation_01h2xcejqtf2nbrexx3vqjhp41"])
def test_a_bad_token_is_answered_with_400_that_names_it(tokens: Any, token: str) -> None:
    """With either setting, also if it is empty."""
    answer = ask(SandboxModel(SandboxSettings(tokens=tokens)), pageToken=token)

    assert (answer.status, context(answer)) == (400, "$.pageToken")


@pytest.mark.parametrize("tokens", ["strict", "loose"])
def test_a_token_of_another_channel_is_refused(tokens: Any) -> None:
    """Even with equal filters."""
    sandbox = SandboxModel(SandboxSettings(tokens=tokens))
    token = following(sandbox, **FILTERS)
    answer = ask(sandbox, "/Emails/Operations", **FILTERS, pageToken=token)

    assert (answer.status, context(answer)) == (400, "$.pageToken")


@pytest.mark.parametrize("name", FILTERS)
def test_a_strict_token_is_refused_with_other_filters(name: str) -> None:
    """If any filter or the page size is changed or left out."""
    sandbox = SandboxModel(SandboxSettings(tokens="strict"))
    token = following(sandbox, **FILTERS)
    without = {key: value for key, value in FILTERS.items() if key != name}

    assert ask(sandbox, **FILTERS, pageToken=token).status == 200
    for beside in (without, FILTERS | {name: CHANGED[name]}):
        answer = ask(sandbox, **beside, pageToken=token)
        assert (answer.status, context(answer)) == (400, "$.pageToken")


def test_a_strict_token_compares_instants() -> None:
    """The same time in another zone is the same filter."""
    sandbox = SandboxModel(SandboxSettings(tokens="strict"))
    token = following(sandbox, **FILTERS)
    respelled = FILTERS | {"startDate": "2000-01-01T02:00:00+02:00"}

    assert ask(sandbox, **respelled, pageToken=token).status == 200


@pytest.mark.parametrize("name", FILTERS)
def test_a_loose_token_ignores_other_filters(name: str) -> None:
    """They may be left out or changed without effect."""
    sandbox = SandboxModel(SandboxSettings(tokens="loose"))
    token = following(sandbox, **FILTERS)
    expected = ask(sandbox, **FILTERS, pageToken=token).body
    without = {key: value for key, value in FILTERS.items() if key != name}

    assert ask(sandbox, **without, pageToken=token).body == expected
    assert ask(sandbox, **(FILTERS | {name: CHANGED[name]}), pageToken=token).body == expected


def test_invalid_values_are_refused_with_a_loose_token_too() -> None:
    """All parameters are validated, even if they are not used."""
    sandbox = SandboxModel(SandboxSettings(tokens="loose"))
    answer = ask(sandbox, status="completed", pageToken=following(sandbox, **FILTERS))

    assert (answer.status, context(answer)) == (400, "$.status")
