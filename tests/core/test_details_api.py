"""The requests for details, against answers that no sandbox gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from comms_source.api.details import DetailsApi
from comms_source.channels import CHANNELS
from comms_source.coverage.details import DueDetails, OperationState
from comms_source.errors import EndlessScan
from comms_source.extract.details_reader import read_details
from comms_source.sandbox import Sandbox
from comms_source.tables.personal_data import PersonalData
from tests.support import NOW, session_for

Answer = Callable[[httpx.Request], Any]


def asking(sandbox: Sandbox, answer: Answer, use: Callable[[DetailsApi], Any]) -> Any:
    """What `use` makes of the messages' API, whose responses are `answer`'s."""
    session = session_for(sandbox)
    session.transport = httpx.MockTransport(
        lambda request: httpx.Response(200, content=json.dumps(answer(request)))
    )
    api = DetailsApi(channel=CHANNELS["messages"], take=lambda: None, page_size=10)
    with session.connected() as client:
        api.use(client)
        return use(api)


def page(request: httpx.Request, *, last: str) -> dict[str, Any]:
    """A list of one receipt a page, of the pages "1", "2" and so on up to `last`."""
    here = request.url.params.get("pageToken", "1")
    following = None if here == last else str(int(here) + 1)
    return {"receipts": [{"status": f"S{here}"}], "pagination": {"next": following}}


def test_receipts_are_read_to_the_last_page(sandbox: Sandbox) -> None:
    """Else the recipients on the others would be missing from the counts."""
    receipts = asking(sandbox, lambda each: page(each, last="3"), lambda api: api.receipts("x"))

    assert [each["status"] for each in receipts] == ["S1", "S2", "S3"]


@pytest.mark.parametrize("read", [lambda api: api.receipts("x"), lambda api: api.errors("x")])
def test_a_list_that_cannot_end_is_refused(sandbox: Sandbox, read: Any) -> None:
    """A page token comes a second time."""
    forever = {"receipts": [{}], "pagination": {"next": "2"}}

    with pytest.raises(EndlessScan, match="a list of x has a page token for the second time"):
        asking(sandbox, lambda _: forever, read)


def test_no_row_is_older_than_the_reading_that_brought_it(sandbox: Sandbox) -> None:
    """Also where the clock was set back meanwhile; the views would leave the row out."""
    operation = OperationState(
        channel="messages", id="op", created_at=NOW, version=1, total=1, not_delivered=0
    )
    due = DueDetails(operation=operation, kinds=("resources",), need="unread", requests=1)
    related = [{"name": "OPERATION", "id": "op"}]
    listed = {"messages": [{"id": "m", "related": related}], "pagination": {"next": None}}
    details = asking(
        sandbox,
        lambda _: listed,
        lambda api: read_details(
            due,
            api=api,
            channel=CHANNELS["messages"],
            account="default",
            personal=PersonalData(),
            asked=frozenset(),
            errors_per_operation=1,
            read_at=sandbox.clock.now() + timedelta(seconds=5),
        ),
    )
    rows = {piece.spec.name: piece.rows.to_pylist() for piece in details.pieces}
    read_at = {row["read_at"] for row in rows["operation_details"]}

    assert read_at == {row["synced_at"] for row in rows["messages"]} == {sandbox.clock.now()}
