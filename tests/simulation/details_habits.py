"""What the account of a seed does about details, and what goes wrong with them.

The habits are drawn apart from the others, so that a seed without details stays what it was.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

from comms_source.coverage.details import KINDS
from comms_source.extract.details_run import PACKAGE_ROWS
from comms_source.sandbox.faults import Fault
from tests.simulation.world import Habits

SHARE = 0.4
"""The share of seeds whose runs read details."""

FAULTS: Sequence[tuple[Fault, ...]] = (
    (Fault(kind="ignored_filter", endpoint="resources"),),
    (
        Fault(kind="ignored_filter", endpoint="resources"),
        Fault(kind="row_without_related", endpoint="resources", rows=1),
    ),
    (Fault(kind="row_of_another_operation", endpoint="resources"),),
    (Fault(kind="duplicate_row", endpoint="resources"),),
    (Fault(kind="repeat_token", endpoint="resources", chance=0.2),),
    (Fault(kind="endless_pages", endpoint="resources", chance=0.2),),
    (Fault(kind="internal_error", endpoint="resource", chance=0.5),),
    (Fault(kind="not_found", endpoint="errors"),),
)


def reads_details(seed: int) -> bool:
    """Whether the runs of a seed read details."""
    return _chance(seed).random() < SHARE


def add_details(manners: Habits, seed: int) -> None:
    """Have the runs of some seeds read details."""
    chance = _chance(seed)
    if chance.random() >= SHARE:
        return
    page_size = chance.choice([3, 8, 20, 60])
    manners.largest = min(30, page_size * chance.choice([1, 3, 6]))
    manners.volume = min(60, manners.volume)
    manners.package = chance.choice([3, 20, PACKAGE_ROWS])
    retention = timedelta(days=chance.choice([3, 7, 7, 7]))
    manners.settings |= {
        "details": chance.choice([KINDS, KINDS[1:], KINDS[1:2], KINDS[2:], KINDS[:1], KINDS[::2]]),
        "details_requests": chance.choice([3, 25, 200, 1000, 1000]),
        "errors_per_operation": chance.choice([1, 3, 20]),
        "page_size": page_size,
        "retention": retention,
    }
    manners.sandbox |= {
        "retention": retention,
        "readings": {"messages": chance.choice(["exclusive", "cumulative"])},
        "related": chance.random() < 0.7,
        "errors_endpoint": chance.random() < 0.7,
        "resource_lag": chance.choice([timedelta(0), timedelta(0), timedelta(hours=3)]),
        "empty_pages": False if page_size == 3 else manners.sandbox["empty_pages"],
    }


def faults_of_run(chance: random.Random, *, trouble: float) -> tuple[Fault, ...]:
    """What is wrong with the responses about details while one run reads them."""
    return chance.choice(FAULTS) if chance.random() < trouble / 2 else ()


def _chance(seed: int) -> random.Random:
    return random.Random(f"details {seed}")
