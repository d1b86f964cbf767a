"""Receipts: what became of each recipient of a group message."""

from __future__ import annotations

from datetime import timedelta

import pytest

from comms_source.sandbox import SandboxModel
from tests.sandbox.resource_requests import Row, ask, content, model

pytestmark = pytest.mark.slow


def group_message(sandbox: SandboxModel) -> Row:
    """A message with several recipients."""
    return next(row for row in sandbox.resource_truth("messages", None) if row["status"] == "GROUP")


def test_each_recipient_has_a_receipt() -> None:
    """In the order of the message; statuses move forward only."""
    order = ["SENT", "DELIVERED", "READ"]
    sandbox = model(operations_per_week=150)
    message = group_message(sandbox)
    before = content(ask(sandbox, f"/Messages/{message['id']}/Receipts"))["receipts"]
    sandbox.clock.advance(timedelta(hours=1))
    after = content(ask(sandbox, f"/Messages/{message['id']}/Receipts"))["receipts"]

    assert [row["to"] for row in before] == message["to"]
    assert len(before) > 1
    for earlier, later in zip(before, after, strict=True):
        if earlier["status"] == "FAILED":
            assert later["status"] == "FAILED"
        else:
            assert order.index(later["status"]) >= order.index(earlier["status"])


def test_receipts_that_cannot_be_found_are_404() -> None:
    """Of a message with one recipient, of another channel, or where there are none."""
    sandbox, without = model(operations_per_week=150), model(receipts_endpoint=False)
    listed = sandbox.resource_truth("messages", None)
    single = next(row["id"] for row in listed if len(row["to"]) == 1)
    group = group_message(sandbox)["id"]

    assert ask(sandbox, f"/Messages/{single}/Receipts").status == 404
    assert ask(sandbox, f"/Emails/{group}/Receipts").status == 404
    assert ask(sandbox, "/Messages/x/Receipts").status == 404
    assert ask(without, f"/Messages/{group}/Receipts").status == 404
