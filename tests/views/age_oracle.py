"""The expected rows of the views of figures at an age, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from tests.views.rate_oracle import delivery_rates, engagement_rates
from tests.views.sums import grouped, plus, point, share, sum_column
from tests.views.view_oracle import ACTIVE, CHANNEL_ORDER, DAY, HOUR, Oracle
from tests.views.view_tables import Record

AGES: Final = (1, 6, 24, 72, 168)
"""The ages of `daily_delivery_at_age`, in hours."""
CURVE_AGES: Final = (0.25, 1, 3, 6, 12, 24, 48, 72, 96, 120, 144, 168)
"""The ages of `settle_curve`, in hours."""
SUMMED: Final = (
    *("requested", "attempted", "delivered_low", "delivered_high", "not_delivered"),
    *("outstanding_low", "outstanding_high", "engaged"),
)


class Histories:
    """The states of each operation."""

    def __init__(self, oracle: Oracle) -> None:
        """Group the states by operation."""
        self._histories = grouped(oracle.states, "account", "channel", "id")

    def at(self, operation: Record, age: timedelta) -> Record | None:
        """The state of an operation at an age; None if it had not been seen by then."""
        key = (operation["account"], operation["channel"], operation["id"])
        states = self._histories.get(key, [])
        instant = operation["created_at"] + age
        for state in states:
            until = state["valid_to"]
            if state["valid_from"] <= instant and (until is None or instant < until):
                return state
        return None


def daily_delivery_at_age(oracle: Oracle) -> list[Record]:
    """Each day as it was known when all its operations had the same age."""
    histories = Histories(oracle)
    rows = [row | {"day": oracle.day(row)} for row in oracle.operations]
    return [
        {
            "account": account,
            "channel": channel,
            "channel_order": CHANNEL_ORDER[channel],
            "day": day,
            "age_hours": age,
            "day_operations": len(group),
            **_sums(states),
        }
        for (account, channel, day), group in grouped(rows, "account", "channel", "day").items()
        for age in AGES
        if (states := _states_at(oracle, histories, group, age * HOUR))
    ]


def _states_at(
    oracle: Oracle, histories: Histories, operations: Sequence[Record], age: timedelta
) -> list[Record]:
    """The states at an age, of the operations that were read until that age or long enough."""
    until = min(age, oracle.settings.retention - DAY)
    seen = [row for row in operations if row["last_synced_at"] - row["created_at"] >= until]
    states = [histories.at(row, age) for row in seen]
    return [state for state in states if state is not None]


def _sums(states: Sequence[Record]) -> Record:
    counted = [state for state in states if state["is_counted"]]
    sums: Record = {name: sum_column(counted, name) for name in SUMMED}
    for name in ("delivered", "outstanding"):
        sums[name] = point(sums[f"{name}_low"], sums[f"{name}_high"])
    rates = delivery_rates(sums) | engagement_rates(sums)
    return {"operations": len(states), **sums, **rates}


def settle_curve(oracle: Oracle) -> list[Record]:
    """How much of the final figures was known at an age."""
    since, histories = oracle.retained_from - 28 * DAY, Histories(oracle)
    final = [
        row
        for row in oracle.operations
        if since <= row["created_at"] < oracle.retained_from
        and row["status"] not in ACTIVE
        and row["last_synced_at"] - row["created_at"] >= oracle.settings.retention - DAY
    ]
    return [
        {
            "account": account,
            "channel": channel,
            "channel_order": CHANNEL_ORDER[channel],
            "age_hours": age,
            **_known(pairs),
        }
        for (account, channel), group in grouped(final, "account", "channel").items()
        for age in CURVE_AGES
        if (pairs := _then_and_now(histories, group, age * HOUR))
    ]


def _then_and_now(
    histories: Histories, operations: Sequence[Record], age: timedelta
) -> list[tuple[Record, Record]]:
    """The state at an age and the final state, of each operation that was seen by that age."""
    pairs = [(histories.at(row, age), row) for row in operations]
    return [(then, now) for then, now in pairs if then is not None]


def _known(pairs: Sequence[tuple[Record, Record]]) -> Record:
    then = _figures([state for state, _ in pairs])
    final = _figures([operation for _, operation in pairs])
    return {
        "operations": len(pairs),
        **then,
        **{f"final_{name}": value for name, value in final.items()},
        "outcome_share": share(then["outcomes"], final["outcomes"]),
        "delivered_share": share(then["delivered"], final["delivered"]),
        "engaged_share": share(then["engaged"], final["engaged"]),
    }


def _figures(rows: Sequence[Record]) -> dict[str, Any]:
    outcomes = [{"outcomes": _outcomes(row)} for row in rows]
    return {
        "delivered": sum_column(rows, "delivered_low"),
        "engaged": sum_column([row for row in rows if row["is_counted"]], "engaged"),
        "outcomes": sum_column(outcomes, "outcomes"),
    }


def _outcomes(row: Record) -> int | None:
    """Resources with an outcome; for pushes without receipts, resources accepted or failed."""
    if row["api_delivered"] is None and not row["has_outcomes"]:
        return row["offered"]  # type: ignore[no-any-return]
    return plus(row["delivered_low"], row["not_delivered"])
