"""A rendered sandbox in its own process; started by `servers`.

    python serve.py OFFER

The offer is a `servers.Offer` as JSON. When it serves, it prints one line of JSON: its URL, its
credentials, when its lists were rendered, and the number of operations in them. It ends when its
standard input is closed, also because the process that started it has died.
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
from comms_source.sandbox.population import GeneratedPopulation

SHOWN: Final = timedelta(days=6)
"""How far back the operations reach. They do not change, while the time goes on. A load requests
seven days, so with six days it requests every operation until a day has passed. The number of days
is whole, because there are more operations by day than by night."""
WEEK: Final = timedelta(days=7)
BEHIND: Final = timedelta(seconds=5)
"""How long before the present the lists are rendered: a load reads what is older than its start."""


def main() -> None:
    """Serve the offer in the first argument."""
    settings = settings_for(json.loads(sys.argv[1]))
    now = datetime.now(UTC).replace(microsecond=0) - BEHIND
    with Sandbox(settings, Clock(now)) as sandbox:
        # The lists are rendered. A load goes by the API's clock where that is behind its own.
        sandbox.clock.frozen = False
        sandbox.clock.set(datetime.now(UTC))
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
    """The settings of the sandbox for an offer."""
    each = round(offer["operations"] / len(offer["channels"]) * (WEEK / SHOWN))
    return SandboxSettings(
        operations_per_week={name: each if name in offer["channels"] else 0 for name in CHANNELS},
        retention=SHOWN,
        latency=timedelta(seconds=offer["latency"]),
        rate_limit=offer["rate_limit"],
        rendered=True,
    )


def count(settings: SandboxSettings, now: datetime) -> int:
    """The exact number of operations in lists that were rendered at `now`."""
    at, total = to_ms(now), 0
    for channel in CHANNELS.values():
        population = GeneratedPopulation(channel, settings)
        first = population.first_from(population.oldest_listed(at))
        total += population.first_from(at + 1) - first
    return total


if __name__ == "__main__":
    main()
