"""The counter mode of a channel, as decided by its operations or by the setting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from comms_source.channels import CHANNELS
from comms_source.errors import ConfigurationError
from comms_source.views.settings import CounterMode, ViewSettings
from comms_source.views.statements import view_statements
from tests.views.view_tables import (
    Operation,
    Record,
    counted,
    measured,
    operations_of,
    pinned,
    sample,
    sample_names,
    warehouse,
)


def an(channel: str, name: str, counters: dict[str, int], *, account: str = "acme") -> Operation:
    """An operation with these counters; the other counters of its channel are 0."""
    return replace(counted(channel, **counters), id=name, account=account)


OPEN: Final = {"total": 10, "sent": 3, "delivered": 3, "read": 2}
EXCLUSIVE: Final = {"total": 2, "delivered": 2}
CUMULATIVE: Final = {"total": 2, "sent": 2, "delivered": 2}
INCONSISTENT: Final = {"total": 1, "sent": 1, "delivered": 2}


def modes(*operations: Operation) -> dict[str, str]:
    """The counter mode of each operation in a warehouse with all of them, by id."""
    with warehouse(operations) as db:
        return {row["id"]: row["counter_mode"] for row in operations_of(db)}


@pytest.mark.parametrize(
    ("counters", "mode"),
    [
        (OPEN, "undecided"),
        (EXCLUSIVE, "exclusive"),
        (CUMULATIVE, "cumulative"),
        (INCONSISTENT, "inconsistent"),
        ({"total": 5, "sent": 5, "delivered": 4, "read": 5}, "inconsistent"),
        ({"total": 1, "sent": 1, "failed": 1}, "inconsistent"),
        ({"total": 1, "queued": 1, "sent": 1}, "inconsistent"),
        ({"total": 9, "sent": 5, "delivered": 1, "read": 2}, "exclusive"),
        ({"total": 9, "sent": 2, "delivered": 2, "undelivered": 1}, "exclusive"),
        ({"total": 3, "sent": 3, "delivered": 2, "undelivered": 1}, "cumulative"),
    ],
)
def test_an_operation_rules_modes_out(counters: dict[str, int], mode: str) -> None:
    """Sums above the total are not exclusive; a status above the one before is not cumulative."""
    row = measured(an("messages", "op", counters))
    expected = (mode, False) if mode != "inconsistent" else ("undecided", True)
    assert (row["counter_mode"], row["is_inconsistent"]) == expected


@pytest.mark.parametrize("missing", CHANNELS["messages"].counters[4:])
def test_a_missing_counter_rules_nothing_out(missing: str) -> None:
    """If a status counter is missing, no sum is known that could rule out a mode."""
    counters: dict[str, int | None] = {"total": 2, "scheduled": 1, "queued": 1, missing: None}
    row = measured(counted("messages", **counters))
    assert (row["counter_surplus"], row["counter_mode"]) == (None, "undecided")
    assert (row["delivered"], row["attempted"], row["is_inconsistent"]) == (None, None, False)


@pytest.mark.parametrize(
    ("decisive", "mode"), [(EXCLUSIVE, "exclusive"), (CUMULATIVE, "cumulative")]
)
def test_one_decides_for_its_account_and_channel(decisive: dict[str, int], mode: str) -> None:
    """Another account and another channel stay undecided."""
    email = {key: value for key, value in OPEN.items() if key != "read"} | {"opened": 2}
    assert modes(
        an("messages", "decisive", decisive),
        an("messages", "open", OPEN),
        an("messages", "elsewhere", OPEN, account="globex"),
        an("emails", "email", email),
    ) == {"decisive": mode, "open": mode, "elsewhere": "undecided", "email": "undecided"}


def test_operations_that_disagree_decide_nothing() -> None:
    """Each has its own mode, and other operations stay undecided."""
    found = modes(
        *(an("messages", f"exclusive {number}", EXCLUSIVE) for number in range(5)),
        an("messages", "cumulative", CUMULATIVE),
        an("messages", "open", OPEN),
    )
    assert (found["open"], found["cumulative"], found["exclusive 0"]) == (
        "undecided",
        "cumulative",
        "exclusive",
    )


def test_inconsistent_operations_decide_nothing() -> None:
    """They rule out both modes, and other rows do not change that."""
    inconsistent = an("messages", "inconsistent", INCONSISTENT)
    found = modes(an("messages", "decisive", EXCLUSIVE), inconsistent)
    assert found["inconsistent"] == "undecided"
    assert modes(inconsistent, an("messages", "open", OPEN))["open"] == "undecided"


def test_a_mode_narrows_an_interval_to_a_point() -> None:
    """3 to 5 deliveries are 5 in exclusive mode, and 3 in cumulative mode."""
    delivered = {}
    for name, decisive in (("exclusive", EXCLUSIVE), ("cumulative", CUMULATIVE), ("", None)):
        witness = [an("messages", "witness", decisive)] if decisive else []
        with warehouse([*witness, an("messages", "open", OPEN)]) as db:
            row = next(row for row in operations_of(db) if row["id"] == "open")
        delivered[name] = (row["delivered_low"], row["delivered_high"], row["delivered"])
    assert delivered == {"exclusive": (5, 5, 5), "cumulative": (3, 3, 3), "": (3, 5, None)}


@pytest.mark.parametrize(("mode", "delivered"), [("exclusive", 4), ("cumulative", 3)])
def test_a_pin_overrules_every_row(mode: CounterMode, delivered: int) -> None:
    """With the setting, even contradictory counters give a single value."""
    row = measured(sample("message_list"), mode=mode)
    assert (row["counter_mode"], row["is_inconsistent"]) == (mode, True)
    assert row["delivered"] == delivered
    assert row["delivery_rate_of_known"] == delivered / (delivered + 1)


def test_a_pin_affects_its_channel_only() -> None:
    """If emails are pinned, messages and pushes still decide by themselves."""
    unpinned, pinned = _sample_modes({}), _sample_modes({"emails": "cumulative"})
    emails = {name for name in unpinned if name.startswith("email")}
    assert {pinned[name] for name in emails} == {"cumulative"}
    assert {name for name in pinned if pinned[name] != unpinned[name]} <= emails


def test_a_removed_pin_has_no_effect() -> None:
    """Views depend on the present settings only."""
    first = view_statements(dialect="duckdb", dataset="comms")
    settings = ViewSettings(counter_mode={"messages": "cumulative"})
    other = view_statements(dialect="duckdb", dataset="comms", settings=settings)
    assert other != first == view_statements(dialect="duckdb", dataset="comms")


@pytest.mark.parametrize(
    ("pins", "named"),
    [
        ({"letters": "exclusive"}, "letters"),
        ({"message_operations": "exclusive"}, "message_operations"),
        ({"emails": "undecided"}, "'undecided'"),
        ({"emails": ""}, "''"),
        ({"emails": None}, "None"),
        ({"emails": "exclusive' or 1=1 --"}, "1=1"),
        ({"messages": "exclusive", "emails": "Cumulative"}, "'Cumulative'"),
    ],
)
def test_an_invalid_pin_is_refused(pins: dict[str, Any], named: str) -> None:
    """The message names the value and all valid ones."""
    with pytest.raises(ConfigurationError) as refused:
        ViewSettings(counter_mode=pins)
    for part in (named, "exclusive or cumulative", *CHANNELS):
        assert part in str(refused.value)


def _sample_modes(pins: dict[str, CounterMode]) -> Record:
    with warehouse(map(sample, sample_names()), settings=pinned(pins)) as db:
        return {row["id"]: row["counter_mode"] for row in operations_of(db)}
