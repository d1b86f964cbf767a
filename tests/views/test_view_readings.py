"""How the views find out, or are told, what the counters of a channel mean."""

from __future__ import annotations

from typing import Any

import pytest

from comms_source.channels import CHANNELS
from comms_source.errors import ConfigurationError
from comms_source.view_settings import StatsReading, ViewSettings
from comms_source.view_statements import view_statements
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
    bare = counted(channel, **counters)
    return Operation(channel=channel, counters=bare.counters, id=name, account=account)


OPEN = {"total": 10, "sent": 3, "delivered": 3, "read": 2, "undelivered": 0}
EXCLUSIVE = {"total": 2, "delivered": 2}
CUMULATIVE = {"total": 2, "sent": 2, "delivered": 2}
INCONSISTENT = {"total": 1, "sent": 1, "delivered": 2}


def readings(*operations: Operation) -> dict[str, str]:
    """The reading of each operation, by its id, with all of them in one warehouse."""
    with warehouse(operations) as db:
        return {row["id"]: row["stats_reading"] for row in operations_of(db)}


@pytest.mark.parametrize(
    ("counters", "reading"),
    [
        (OPEN, "either"),
        (EXCLUSIVE, "exclusive"),
        (CUMULATIVE, "cumulative"),
        (INCONSISTENT, "inconsistent"),
        ({"total": 5, "sent": 5, "delivered": 4, "read": 5}, "inconsistent"),
        ({"total": 9, "sent": 5, "delivered": 1, "read": 2}, "exclusive"),
        ({"total": 9, "sent": 2, "delivered": 2, "undelivered": 1}, "exclusive"),
        ({"total": 1, "queued": 1, "sent": 1}, "cumulative"),
    ],
)
def test_that_a_row_is_read_by_what_it_rules_out(counters: dict[str, int], reading: str) -> None:
    """More in its states than in total is not exclusive; a stage above the last, no funnel."""
    assert measured(an("messages", "op", counters))["stats_reading"] == reading


@pytest.mark.parametrize("missing", CHANNELS["messages"].counters[4:])
def test_that_a_sum_with_an_unknown_part_rules_nothing_out(missing: str) -> None:
    """Where a status counter is absent, the check is NULL and speaks against no reading."""
    counters: dict[str, int | None] = {
        "total": 2,
        "scheduled": 1,
        "queued": 1,
        "sent": 9,
        "canceled": 1,
        missing: None,
    }
    row = measured(counted("messages", **counters))
    assert (row["stats_check"], row["stats_reading"]) == (None, "either")


@pytest.mark.parametrize(
    ("decisive", "reading"), [(EXCLUSIVE, "exclusive"), (CUMULATIVE, "cumulative")]
)
def test_that_one_decisive_row_settles_its_account_and_channel_only(
    decisive: dict[str, int], reading: str
) -> None:
    """The neighbours, another account and another channel, stay as open as they were."""
    other = {key: value for key, value in OPEN.items() if key != "read"} | {"opened": 2}
    assert readings(
        an("messages", "decisive", decisive),
        *(an("messages", f"open {number}", OPEN) for number in range(3)),
        an("messages", "elsewhere", OPEN, account="globex"),
        an("emails", "email", other),
    ) == {
        "decisive": reading,
        "open 0": reading,
        "open 1": reading,
        "open 2": reading,
        "elsewhere": "either",
        "email": "either",
    }


def test_that_rows_that_contradict_each_other_settle_nothing() -> None:
    """Where both readings have a witness, an open row stays open, however many there are."""
    witnesses = [an("messages", f"exclusive {number}", EXCLUSIVE) for number in range(5)]
    found = readings(
        *witnesses, an("messages", "cumulative", CUMULATIVE), an("messages", "open", OPEN)
    )
    assert (found["open"], found["cumulative"], found["exclusive 0"]) == (
        "either",
        "cumulative",
        "exclusive",
    )


def test_that_an_inconsistent_row_is_neither_settled_nor_settles() -> None:
    """It rules out both readings, so it is evidence for none and no other row can change it."""
    found = readings(
        an("messages", "decisive", EXCLUSIVE),
        an("messages", "inconsistent", INCONSISTENT),
    )
    assert found["inconsistent"] == "inconsistent"
    found = readings(an("messages", "inconsistent", INCONSISTENT), an("messages", "open", OPEN))
    assert found["open"] == "either"


def test_that_settling_a_row_narrows_its_interval_to_a_point() -> None:
    """What was 3 to 5 deliveries is 5 where each is counted once, and 3 in a funnel."""
    reached = {}
    for name, decisive in (("exclusive", EXCLUSIVE), ("cumulative", CUMULATIVE), ("", None)):
        witness = [an("messages", "witness", decisive)] if decisive else []
        with warehouse([*witness, an("messages", "open", OPEN)]) as db:
            rows = {row["id"]: row for row in operations_of(db)}
        reached[name] = (rows["open"]["reached_low"], rows["open"]["reached_high"])
    assert reached == {"exclusive": (5, 5), "cumulative": (3, 3), "": (3, 5)}


@pytest.mark.parametrize(("reading", "reached"), [("exclusive", 4), ("cumulative", 3)])
def test_that_a_pinned_reading_overrules_every_row(reading: StatsReading, reached: int) -> None:
    """Whoever knows better than the rows says so, and even contradictory rows give points."""
    row = measured(sample("message_list"), reading=reading)
    assert row["stats_reading"] == reading
    assert (row["reached_low"], row["reached_high"]) == (reached, reached)
    assert row["delivery_rate"] == reached / (reached + 1)


def test_that_a_pin_holds_for_its_channel_only() -> None:
    """Emails are pinned; messages and pushes go on speaking for themselves."""
    unpinned, pinned = _sample_readings({}), _sample_readings({"emails": "cumulative"})
    emails = {name for name in unpinned if name.startswith("email")}
    assert {pinned[name] for name in emails} == {"cumulative"}
    assert {name for name in pinned if pinned[name] != unpinned[name]} <= emails


def test_that_a_view_made_again_without_a_pin_forgets_it() -> None:
    """The setting is as it was said last, and nothing of an earlier one stays in the view."""
    assert _sample_readings({"emails": "exclusive"}) != _sample_readings({})
    first = view_statements(dialect="duckdb", dataset="comms")
    view_statements(
        dialect="duckdb",
        dataset="comms",
        settings=ViewSettings(stats_reading={"messages": "cumulative"}),
    )
    assert view_statements(dialect="duckdb", dataset="comms") == first


@pytest.mark.parametrize(
    ("pins", "named"),
    [
        ({"letters": "exclusive"}, "letters"),
        ({"message_operations": "exclusive"}, "message_operations"),
        ({"emails": "either"}, "'either'"),
        ({"emails": "inconsistent"}, "'inconsistent'"),
        ({"emails": ""}, "''"),
        ({"emails": None}, "None"),
        ({"emails": "exclusive' or 1=1 --"}, "1=1"),
        ({"messages": "exclusive", "emails": "Cumulative"}, "'Cumulative'"),
    ],
)
def test_that_a_pin_that_means_nothing_is_refused(pins: dict[str, Any], named: str) -> None:
    """The message names what was said and all that could have been."""
    with pytest.raises(ConfigurationError) as refused:
        ViewSettings(stats_reading=pins)
    message = str(refused.value)
    for part in (named, "exclusive or cumulative", *CHANNELS):
        assert part in message


def _sample_readings(pins: dict[str, StatsReading]) -> Record:
    with warehouse(map(sample, sample_names()), settings=pinned(pins)) as db:
        return {row["id"]: row["stats_reading"] for row in operations_of(db)}
