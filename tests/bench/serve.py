"""A sandbox in a process of its own, rendered beforehand; started by `servers`.

    python serve.py OFFER

The offer is a `servers.Offer` as JSON. Prints one line of JSON when it serves: where, for whom, its
time and how many operations its lists hold. It ends when its standard input is closed, hence also
when the process that started it dies.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from comms_source.channels import CHANNELS
from comms_source.sandbox import ACCOUNT_ID, AUTH_TOKEN, Clock, Sandbox, SandboxSettings
from comms_source.sandbox.instants import to_ms
from comms_source.sandbox.population import LivingPopulation

SHOWN: Final = timedelta(days=6)
"""How far back the operations reach. This clock stands still while the real one, by which a load
goes, moves on. The load asks for seven days: with one day less, it asks for every operation until a
day has passed. Whole days, since there is more by day than by night."""
WEEK: Final = timedelta(days=7)
BEHIND: Final = timedelta(seconds=5)
"""How far this clock begins behind the real one, so that nothing lies in the future."""


def main() -> None:
    """Serve what the first argument says."""
    settings = settings_for(json.loads(sys.argv[1]))
    now = datetime.now(UTC).replace(microsecond=0) - BEHIND
    with Sandbox(settings, Clock(now)) as sandbox:
        served = {
            "url": sandbox.url,
            "user": ACCOUNT_ID,
            "password": AUTH_TOKEN,
            "now": now.isoformat(),
            "rows": count(settings, now),
        }
        sys.stdout.write(json.dumps(served) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def settings_for(offer: Mapping[str, Any]) -> SandboxSettings:
    """The sandbox that offers what is told."""
    each = round(offer["operations"] / len(offer["channels"]) * (WEEK / SHOWN))
    return SandboxSettings(
        operations_per_week={name: each if name in offer["channels"] else 0 for name in CHANNELS},
        retention=SHOWN,
        latency=timedelta(seconds=offer["latency"]),
        rate_limit=offer["rate_limit"],
        rendered=True,
    )


def count(settings: SandboxSettings, now: datetime) -> int:
    """How many operations the lists hold at `now`: exactly, and without looking at each."""
    at, total = to_ms(now), 0
    for channel in CHANNELS.values():
        population = LivingPopulation(channel, settings)
        first = population.first_from(population.oldest_listed(at))
        total += population.first_from(at + 1) - first
    return total


if __name__ == "__main__":
    main()
