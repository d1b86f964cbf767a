"""What the views make of the operations that the API's documentation shows."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.views.view_tables import measured, operations_of, sample, sample_names, warehouse

MEASURES: Final = (
    "stats_reading",
    "stats_check",
    "in_flight",
    "reached_low",
    "reached_high",
    "delivery_rate",
    "delivery_rate_low",
    "delivery_rate_high",
    "attempted_delivery_rate_low",
    "attempted_delivery_rate_high",
    "failure_rate_low",
    "failure_rate_high",
    "read_rate_low",
    "read_rate_high",
    "open_rate_low",
    "open_rate_high",
    "acceptance_rate",
    "unaddressable_rate",
    "cancel_rate",
    "attempts_per_resource",
)

ALL_DELIVERED: Final = {
    "delivery_rate": 1.0,
    "delivery_rate_low": 1.0,
    "delivery_rate_high": 1.0,
    "attempted_delivery_rate_low": 1.0,
    "attempted_delivery_rate_high": 1.0,
    "failure_rate_low": 0.0,
    "failure_rate_high": 0.0,
}

EXPECTED: Final[dict[str, dict[str, Any]]] = {
    "message_single": ALL_DELIVERED
    | {
        "stats_reading": "exclusive",
        "stats_check": 0,
        "in_flight": 0,
        "reached_low": 1,
        "reached_high": 1,
        "read_rate_low": 0.0,
        "read_rate_high": 0.0,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
        "attempts_per_resource": 1.0,
    },
    "message_two": ALL_DELIVERED
    | {
        "stats_reading": "exclusive",
        "stats_check": 0,
        "in_flight": 0,
        "reached_low": 2,
        "reached_high": 2,
        "read_rate_low": 0.0,
        "read_rate_high": 0.0,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
        "attempts_per_resource": 2.0,
    },
    "message_group": {
        "stats_reading": "either",
        "stats_check": -1,
        "in_flight": 0,
        "reached_low": 0,
        "reached_high": 0,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
        "attempts_per_resource": 1.0,
    },
    "message_unaddressable": {
        "stats_reading": "either",
        "stats_check": -1,
        "in_flight": 0,
        "reached_low": 0,
        "reached_high": 0,
        "unaddressable_rate": 1.0,
        "cancel_rate": 0.0,
        "attempts_per_resource": 0.0,
    },
    "message_list": {
        "stats_reading": "inconsistent",
        "stats_check": 5,
        "reached_low": 3,
        "reached_high": 4,
        "delivery_rate_low": 0.75,
        "delivery_rate_high": 0.8,
        "attempted_delivery_rate_low": 1.0,
        "attempted_delivery_rate_high": 1.0,
        "failure_rate_low": 0.2,
        "failure_rate_high": 0.25,
        "read_rate_low": 1 / 4,
        "read_rate_high": 1 / 3,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
        "attempts_per_resource": 1.2,
    },
    "email_list_0": ALL_DELIVERED
    | {
        "stats_reading": "cumulative",
        "stats_check": 8,
        "in_flight": 0,
        "reached_low": 5,
        "reached_high": 5,
        "open_rate_low": 0.6,
        "open_rate_high": 0.6,
        "cancel_rate": 0.0,
        "attempts_per_resource": 1.0,
    },
    "email_list_1": {
        "stats_reading": "either",
        "stats_check": 0,
        "in_flight": 3,
        "reached_low": 0,
        "reached_high": 0,
        "cancel_rate": 0.0,
        "attempts_per_resource": 0.0,
    },
    "email_guide": ALL_DELIVERED
    | {
        "stats_reading": "exclusive",
        "stats_check": 0,
        "in_flight": 0,
        "reached_low": 2,
        "reached_high": 2,
        "open_rate_low": 0.0,
        "open_rate_high": 0.0,
        "cancel_rate": 0.0,
    },
    "push_list_0": {
        "stats_reading": "either",
        "stats_check": -3,
        "in_flight": 70,
        "acceptance_rate": 70 / 75,
        "unaddressable_rate": 3 / 145,
        "cancel_rate": 2 / 150,
    },
    "push_list_1": {
        "stats_reading": "either",
        "stats_check": 0,
        "in_flight": 0,
        "acceptance_rate": 295 / 300,
        "unaddressable_rate": 0.0,
        "cancel_rate": 0.0,
    },
    "push_guide": {"stats_reading": "either"},
}


def test_that_every_documented_operation_has_its_expectation() -> None:
    """A sample that is added to the documentation's data is judged here, too."""
    assert sorted(EXPECTED) == sorted(sample_names())


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_documented_operation_says_alone(name: str) -> None:
    """Alone, a sample gives these measures and no others: all that is not listed is NULL."""
    row = measured(sample(name))
    expected = dict.fromkeys(MEASURES) | EXPECTED[name]
    assert {measure: row[measure] for measure in MEASURES} == expected


def test_that_the_samples_alone_show_every_reading() -> None:
    """Among messages and emails three samples are exclusive, one cumulative, one neither."""
    readings = [EXPECTED[name]["stats_reading"] for name in EXPECTED if not name.startswith("push")]
    assert {reading: readings.count(reading) for reading in readings} == {
        "exclusive": 3,
        "cumulative": 1,
        "inconsistent": 1,
        "either": 3,
    }


def test_that_a_group_message_has_no_rate_at_all() -> None:
    """Where no status counter counts the resource, its fate is unknown, which is not 0 %."""
    row = measured(sample("message_group"))
    rates = [row[f"{rate}_{end}"] for rate in RATES_OF_REACH for end in ("low", "high")]
    assert rates == [None] * 8


def test_that_delivery_of_a_push_is_never_claimed() -> None:
    """A push that the provider accepted may never have arrived, so nothing is called delivered."""
    row = measured(sample("push_list_1"))
    assert row["acceptance_rate"] == 295 / 300
    assert [row[f"{rate}_{end}"] for rate in RATES_OF_REACH for end in ("low", "high")] == [
        None
    ] * 8
    assert (row["delivered"], row["reached_low"], row["delivery_rate"]) == (None, None, None)


def test_that_all_samples_together_settle_what_one_alone_leaves_open() -> None:
    """A row that leaves its reading open is read as the decided rows of its own channel agree."""
    with warehouse(sample(name) for name in sample_names()) as db:
        readings = {row["id"]: row["stats_reading"] for row in operations_of(db)}
    assert readings == {
        "message_single": "exclusive",
        "message_two": "exclusive",
        "message_group": "exclusive",
        "message_unaddressable": "exclusive",
        "message_list": "inconsistent",
        "email_list_0": "cumulative",
        "email_list_1": "either",  # the two other rows of the channel contradict each other
        "email_guide": "exclusive",
        "push_list_0": "either",
        "push_list_1": "either",
        "push_guide": "either",
    }


def test_that_counters_of_another_documentation_page_change_nothing() -> None:
    """The guide gives a push attempts and deliveries; its table has no such columns."""
    row = measured(sample("push_guide"))
    assert (row["attempts"], row["delivered"], row["undelivered"]) == (None, None, None)


RATES_OF_REACH: Final = ("delivery_rate", "attempted_delivery_rate", "failure_rate", "read_rate")
