"""The views of the operations in the API's documentation."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.views.view_tables import (
    Record,
    measured,
    operations_of,
    sample,
    sample_names,
    warehouse,
)

NOT_DELIVERED: Final = ("undelivered_rate", "failed_rate", "unconfirmed_rate")
CHANNEL_RATES: Final = ("acceptance_rate", "unaddressable_rate", "cancel_rate")
MEASURES: Final = (
    *("counter_mode", "is_inconsistent", "counter_surplus", "finality"),
    *("delivered_low", "delivered_high", "attempted", "in_flight", "accepted"),
    *("delivery_rate", "delivery_rate_of_known_low", "delivery_rate_of_known_high"),
    *("engagement_rate_low", "engagement_rate_high", "attempts_per_resource"),
    *NOT_DELIVERED,
    *CHANNEL_RATES,
)


def all_delivered(mode: str, number: int, **measures: Any) -> Record:
    """The measures of an operation whose resources were all delivered."""
    delivered: Record = dict.fromkeys(
        ("delivered_low", "delivered_high", "attempted", "accepted"), number
    )
    rates: Record = {
        "delivery_rate": 1.0,
        "delivery_rate_of_known_low": 1.0,
        "delivery_rate_of_known_high": 1.0,
        "engagement_rate_low": 0.0,
        "engagement_rate_high": 0.0,
        "acceptance_rate": 1.0,
        "cancel_rate": 0.0,
        **dict.fromkeys(NOT_DELIVERED, 0.0),
    }
    plain = {"counter_mode": mode, "counter_surplus": 0, "finality": "frozen", "in_flight": 0}
    return plain | delivered | rates | measures


NOTHING_KNOWN: Final[Record] = {
    "counter_mode": "undecided",
    "counter_surplus": -1,
    "finality": "frozen",
    "delivered_low": 0,
    "delivered_high": 0,
    "in_flight": 0,
    "accepted": 0,
    "cancel_rate": 0.0,
}

EXPECTED: Final[dict[str, Record]] = {
    "message_single": all_delivered(
        "exclusive", 1, unaddressable_rate=0.0, attempts_per_resource=1.0
    ),
    "message_two": all_delivered("exclusive", 2, unaddressable_rate=0.0, attempts_per_resource=2.0),
    "message_group": NOTHING_KNOWN | {"unaddressable_rate": 0.0, "attempts_per_resource": 1.0},
    "message_unaddressable": NOTHING_KNOWN
    | {"unaddressable_rate": 1.0, "attempts_per_resource": 0.0},
    "message_list": {
        "counter_mode": "undecided",
        "is_inconsistent": True,
        "counter_surplus": 5,
        "finality": "in_progress",
        "delivered_low": 3,
        "delivered_high": 4,
        "attempted": 3,
        "in_flight": 7,
        "delivery_rate": None,
        "delivery_rate_of_known_low": 0.75,
        "delivery_rate_of_known_high": 0.8,
        "engagement_rate_low": 1 / 4,
        "engagement_rate_high": 1 / 3,
        "attempts_per_resource": 1.2,
        "undelivered_rate": 1 / 3,
        "failed_rate": 0.0,
        "unconfirmed_rate": 0.0,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
    },
    "email_list_0": all_delivered(
        "cumulative",
        5,
        counter_surplus=8,
        engagement_rate_low=0.6,
        engagement_rate_high=0.6,
        attempts_per_resource=1.0,
    ),
    "email_list_1": NOTHING_KNOWN
    | {
        "counter_surplus": 0,
        "finality": "in_progress",
        "attempted": 0,
        "in_flight": 3,
        "attempts_per_resource": 0.0,
    },
    "email_guide": all_delivered("exclusive", 2),
    "push_list_0": {
        "counter_mode": "undecided",
        "counter_surplus": -3,
        "finality": "in_progress",
        "in_flight": 70,
        "accepted": 70,
        "acceptance_rate": 70 / 75,
        "unaddressable_rate": 3 / 145,
        "cancel_rate": 2 / 150,
    },
    "push_list_1": {
        "counter_mode": "undecided",
        "counter_surplus": 0,
        "finality": "frozen",
        "in_flight": 0,
        "accepted": 295,
        "acceptance_rate": 295 / 300,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
    },
    "push_guide": {"counter_mode": "undecided", "finality": "frozen"},
}


def test_every_sample_has_an_expectation() -> None:
    """A new sample needs one, too."""
    assert sorted(EXPECTED) == sorted(sample_names())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_alone(name: str) -> None:
    """By itself, a sample has the listed measures; all others are NULL."""
    row = measured(sample(name))
    expected = dict.fromkeys(MEASURES) | {"is_inconsistent": False} | EXPECTED[name]
    assert {measure: row[measure] for measure in MEASURES} == expected


def test_samples_together() -> None:
    """An operation that is not decisive has the mode of the decisive ones of its channel."""
    with warehouse(sample(name) for name in sample_names()) as db:
        modes = {row["id"]: row["counter_mode"] for row in operations_of(db)}
    assert modes == {
        "message_single": "exclusive",
        "message_two": "exclusive",
        "message_group": "exclusive",
        "message_unaddressable": "exclusive",
        "message_list": "undecided",  # it fits no mode
        "email_list_0": "cumulative",
        "email_list_1": "undecided",  # the two other rows of the channel contradict each other
        "email_guide": "exclusive",
        "push_list_0": "undecided",
        "push_list_1": "undecided",
        "push_guide": "undecided",
    }


def test_a_group_message_has_no_rate() -> None:
    """If no status counter counts the resource, its outcome is unknown, which differs from 0 %."""
    row = measured(sample("message_group"))
    rates = {name: row[name] for name in row if name.startswith(("delivery_", "engagement_"))}
    assert rates == dict.fromkeys(rates)


def test_counters_of_another_page_are_not_there() -> None:
    """The guide shows attempts and deliveries of a push, but the table has no such columns."""
    row = measured(sample("push_guide"))
    assert (row["attempts"], row["api_delivered"], row["undelivered"]) == (None, None, None)
