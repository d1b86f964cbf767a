"""The expected rates of one operation, or of sums, in plain Python."""

from __future__ import annotations

from tests.views.sums import interval, plus, point, quotient, share
from tests.views.view_tables import Record


def rates(row: Record) -> Record:
    """All rates of a row."""
    return {
        **delivery_rates(row),
        **_unconfirmed_rates(row),
        **engagement_rates(row),
        "undelivered_rate": share(row["undelivered"], row["attempted"]),
        "failed_rate": share(row["failed"], row["attempted"]),
        "acceptance_rate": share(row["accepted"], row["offered"]),
        "unaddressable_rate": share(row["unaddressable"], row["recipients"]),
        "cancel_rate": share(row["canceled"], row["requested"]),
        "attempts_per_resource": quotient(row["attempts"], row["requested"]),
    }


def delivery_rates(row: Record) -> Record:
    """Deliveries as a share of what was attempted, and of the known outcomes."""
    low, high, missed = row["delivered_low"], row["delivered_high"], row["not_delivered"]
    return {
        "delivery_rate": share(point(low, high), row["attempted"]),
        "delivery_rate_low": share(low, row["attempted"]),
        "delivery_rate_high": share(high, row["attempted"]),
        **interval(
            "delivery_rate_of_known",
            share(low, plus(low, missed)),
            share(high, plus(high, missed)),
        ),
    }


def _unconfirmed_rates(row: Record) -> Record:
    low, high = row["unconfirmed_low"], row["unconfirmed_high"]
    return {
        "unconfirmed_rate": share(point(low, high), row["attempted"]),
        "unconfirmed_rate_low": share(low, row["attempted"]),
        "unconfirmed_rate_high": share(high, row["attempted"]),
    }


def engagement_rates(row: Record) -> Record:
    """Reads and opens as a share of deliveries."""
    columns: Record = {}
    for name, counter in (
        ("engagement_rate", "engaged"),
        ("read_rate", "read"),
        ("open_rate", "opened"),
    ):
        part, low, high = row.get(counter), row["delivered_low"], row["delivered_high"]
        columns |= {
            name: share(part, point(low, high)),
            f"{name}_low": share(part, high),
            f"{name}_high": share(part, low),
        }
    return columns
