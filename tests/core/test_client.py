"""The client with a real socket: what it sends, and what it does not."""

from __future__ import annotations

import gc
import gzip
from datetime import timedelta

import httpx
import pyarrow as pa
import pytest

from comms_source.channels import CHANNELS, STATUSES
from comms_source.config.credentials import BasicCredentials
from comms_source.config.settings import Settings
from comms_source.errors import EnvelopeMissing, RequestRefused
from comms_source.extract.session import Session
from comms_source.sandbox import Sandbox
from comms_source.tables.page import Page
from comms_source.timespans import Span, to_iso
from tests.support import NOW, session_for

DAY = Span(NOW - timedelta(days=1), NOW)


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=lambda c: c.name)
def test_every_documented_parameter_of_a_list_is_sent(sandbox: Sandbox, channel: object) -> None:
    """startDate, endDate, status, pageSize, and the same again with the token."""
    (entry,) = [c for c in CHANNELS.values() if c is channel]
    with session_for(sandbox).connected() as client:
        filters = {"channel": entry, "span": DAY, "status": "COMPLETED", "page_size": 2}
        first = client.list_page(**filters)  # type: ignore[arg-type]
        client.list_page(**filters, page_token=first.page.next_token)  # type: ignore[arg-type]

    one, other = (dict(logged.parameters) for logged in sandbox.requests)
    token = other.pop("pageToken")
    assert token
    assert one == other
    assert one == {
        "startDate": to_iso(DAY.start),
        "endDate": to_iso(DAY.end),
        "status": "COMPLETED",
        "pageSize": "2",
    }
    assert isinstance(first.page.rows, pa.StructArray)
    assert set(first.page.rows.field("status").to_pylist()) == {"COMPLETED"}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_filters_the_list(sandbox: Sandbox, status: str) -> None:
    """Only operations with that status are listed."""
    with session_for(sandbox).connected() as client:
        answer = client.list_page(channel=CHANNELS["emails"], span=None, status=status)

    expected = [row for row in sandbox.truth("emails") if row["status"] == status]
    assert len(answer.page.rows) == len(expected)


def test_an_operation_is_fetched_by_id(sandbox: Sandbox) -> None:
    """A 404 means that it does not exist; the id is quoted in the path."""
    known = sandbox.truth("emails")[5]
    with session_for(sandbox).connected() as client:
        found = client.fetch_operation(channel=CHANNELS["emails"], operation_id=known["id"])
        for odd in ("comms_operation_x", "a/b?c=d#e", "../Messages", "%2e%2e"):
            missing = client.fetch_operation(channel=CHANNELS["emails"], operation_id=odd)
            assert missing is None

    assert found is not None
    assert found.operation == known
    assert [entry.endpoint for entry in sandbox.requests] == ["fetch"] * 5


@pytest.mark.parametrize(
    "body",
    [b'{"id": "comms_operation_other"}', b'{"operations": [], "pagination": {"next": "secret"}}'],
)
def test_an_answer_about_something_else_is_no_operation(body: bytes) -> None:
    """It would be stored under an id that nobody asked for, or with its page token."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    settings = Settings(credentials=BasicCredentials("me", "x"))
    session = Session(settings=settings, transport=transport)

    with session.connected() as client, pytest.raises(EnvelopeMissing) as raised:
        client.fetch_operation(channel=CHANNELS["emails"], operation_id="comms_operation_x")
    assert "secret" not in str(raised.value)


def test_a_proxy_from_the_environment_is_not_used_on_this_machine(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials in plain http go to loopback and nowhere else."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with session_for(sandbox).connected() as client:
        assert client.list_page(channel=CHANNELS["emails"], span=None).page.rows


def test_a_response_has_the_apis_time(sandbox: Sandbox) -> None:
    """To the second, so that clocks can be compared."""
    with session_for(sandbox).connected() as client:
        answer = client.list_page(channel=CHANNELS["emails"], span=None)

    assert answer.api_time == NOW.replace(microsecond=0)
    assert answer.received_at == NOW


def test_the_memory_of_a_page_is_freed_at_once(sandbox: Sandbox) -> None:
    """Without a garbage collection: waiting for one needs much memory, at 300 kB a page."""
    with session_for(sandbox).connected() as client:
        client.list_page(channel=CHANNELS["emails"], span=None)
        gc.collect()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            client.list_page(channel=CHANNELS["emails"], span=None)
            gc.collect()
            left = [found for found in gc.garbage if isinstance(found, httpx.Response | Page)]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()

    assert not left


def test_compressed_responses_are_requested_and_decoded(sandbox: Sandbox) -> None:
    """A page is much smaller then, if the API supports it."""

    def compress(request: httpx.Request) -> httpx.Response:
        assert "gzip" in request.headers["Accept-Encoding"]
        with httpx.Client() as wire:
            body = gzip.compress(wire.send(request).content)
        return httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"})

    plain, squeezed = session_for(sandbox), session_for(sandbox)
    squeezed.transport = httpx.MockTransport(compress)

    rows = []
    for session in (plain, squeezed):
        with session.connected() as client:
            rows.append(client.list_page(channel=CHANNELS["emails"], span=None).page.rows)
    assert rows[0] == rows[1]


def test_an_error_about_details_quotes_no_address(sandbox: Sandbox) -> None:
    """The API may say to whom something was sent; what went wrong is still said."""
    body = b'{"errors": [{"code": 21211, "message": "The number +1 415 555 0100 is not valid"}]}'
    transport = httpx.MockTransport(lambda _: httpx.Response(400, content=body))
    session = session_for(sandbox)
    session.transport = transport
    with session.connected() as client, pytest.raises(RequestRefused) as raised:
        client.fetch_details(
            channel=CHANNELS["messages"], path="/x", parameters={}, decode=lambda each: each
        )

    assert "400: 21211 The number (hidden) is not valid" in str(raised.value)
