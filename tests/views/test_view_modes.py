"""How the views find out, or are given, what the counters of a channel mean."""

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
    """An operation with all of its channel's counters, the others being 0."""
    return replace(counted(channel, **counters), id=name, account=account)


OPEN: Final = {"total": 10, "sent": 3, "delivered": 3, "read": 2}
EXCLUSIVE: Final = {"total": 2, "delivered": 2}
CUMULATIVE: Final = {"total": 2, "sent": 2, "delivered": 2}
INCONSISTENT: Final = {"total": 1, "sent": 1, "delivered": 2}


def modes(*operations: Operation) -> dict[str, str]:
    """The counter mode of each operation, by its id, with all of them in one warehouse."""
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
    """More in its statuses than in total is not exclusive; a status above the last, no funnel."""
    row = measured(an("messages", "op", counters))
    expected = (mode, False) if mode != "inconsistent" else ("undecided", True)
    assert (row["counter_mode"], row["is_inconsistent"]) == expected


@pytest.mark.parametrize("missing", CHANNELS["messages"].counters[4:])
def test_a_missing_counter_rules_nothing_out(missing: str) -> None:
    """Where a status counter is absent, no sum is known that could speak against a mode."""
    counters: dict[str, int | None] = {"total": 2, "scheduled": 1, "queued": 1, missing: None}
    row = measured(counted("messages", **counters))
    assert (row["counter_surplus"], row["counter_mode"]) == (None, "undecided")
    assert (row["delivered"], row["attempted"], row["is_inconsistent"]) == (None, None, False)


@pytest.mark.parametrize(
    ("decisive", "mode"), [(EXCLUSIVE, "exclusive"), (CUMULATIVE, "cumulative")]
)
def test_one_decides_for_its_account_and_channel(decisive: dict[str, int], mode: str) -> None:
    """The neighbours, another account and another channel, stay as open as they were."""
    email = {key: value for key, value in OPEN.items() if key != "read"} | {"opened": 2}
    assert modes(
        an("messages", "decisive", decisive),
        an("messages", "open", OPEN),
        an("messages", "elsewhere", OPEN, account="globex"),
        an("emails", "email", email),
    ) == {"decisive": mode, "open": mode, "elsewhere": "undecided", "email": "undecided"}


def test_witnesses_that_disagree_decide_nothing() -> None:
    """Each has its own mode, and an open operation stays open."""
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


def test_what_fits_no_mode_decides_nothing() -> None:
    """It rules out both modes, so it is evidence for none, and no other row can change it."""
    inconsistent = an("messages", "inconsistent", INCONSISTENT)
    found = modes(an("messages", "decisive", EXCLUSIVE), inconsistent)
    assert found["inconsistent"] == "undecided"
    assert modes(inconsistent, an("messages", "open", OPEN))["open"] == "undecided"


def test_a_mode_narrows_an_interval_to_a_point() -> None:
    """What was 3 to 5 deliveries is 5 where each is counted once, and 3 in a funnel."""
    delivered = {}
    for name, decisive in (("exclusive", EXCLUSIVE), ("cumulative", CUMULATIVE), ("", None)):
        witness = [an("messages", "witness", decisive)] if decisive else []
        with warehouse([*witness, an("messages", "open", OPEN)]) as db:
            row = next(row for row in operations_of(db) if row["id"] == "open")
        delivered[name] = (row["delivered_low"], row["delivered_high"], row["delivered"])
    assert delivered == {"exclusive": (5, 5, 5), "cumulative": (3, 3, 3), "": (3, 5, None)}


@pytest.mark.parametrize(("mode", "delivered"), [("exclusive", 4), ("cumulative", 3)])
def test_a_pin_overrules_every_row(mode: CounterMode, delivered: int) -> None:
    """A setting decides, and even counters that contradict themselves give a point."""
    row = measured(sample("message_list"), mode=mode)
    assert (row["counter_mode"], row["is_inconsistent"]) == (mode, True)
    assert row["delivered"] == delivered
    assert row["delivery_rate_of_known"] == delivered / (delivered + 1)


def test_a_pin_is_of_its_channel() -> None:
    """Emails are pinned; messages and pushes go on to speak for themselves."""
    unpinned, pinned = _sample_modes({}), _sample_modes({"emails": "cumulative"})
    emails = {name for name in unpinned if name.startswith("email")}
    assert {pinned[name] for name in emails} == {"cumulative"}
    assert {name for name in pinned if pinned[name] != unpinned[name]} <= emails


def test_a_pin_is_forgotten() -> None:
    """Views are made as the settings are now, and nothing of earlier ones stays in them."""
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
def test_a_pin_without_meaning_is_refused(pins: dict[str, Any], named: str) -> None:
    """The message names what was said and all that could have been."""
    with pytest.raises(ConfigurationError) as refused:
        ViewSettings(counter_mode=pins)
    for part in (named, "exclusive or cumulative", *CHANNELS):
        assert part in str(refused.value)


def _sample_modes(pins: dict[str, CounterMode]) -> Record:
    with warehouse(map(sample, sample_names()), settings=pinned(pins)) as db:
        return {row["id"]: row["counter_mode"] for row in operations_of(db)}
