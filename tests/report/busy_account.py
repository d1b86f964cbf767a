"""The sends of a busy account over some weeks, the same each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from comms_source.channels import CHANNELS
from tests.report.sample_data import DAY, HOUR, NOW, Counters, Operation


def busy_account(
    *, days: int = 45, a_day: int = 12, accounts: Sequence[str] = ("acme",)
) -> list[Operation]:
    """Sends on all channels up to now, with quiet nights and one bad day."""
    chance = random.Random(7)
    return [
        _send(channel, account, number, created_at, chance)
        for channel in CHANNELS
        for account in accounts
        for number, created_at in enumerate(_instants(days, a_day, chance))
    ]


def _instants(days: int, a_day: int, chance: random.Random) -> list[datetime]:
    midnight = NOW.replace(hour=0)
    instants = []
    for ago in range(days, -1, -1):
        weekday = (midnight - ago * DAY).weekday()
        many = round(
            a_day * (1.0, 1.3, 1.2, 1.1, 1.0, 0.4, 0.3)[weekday] * chance.uniform(0.8, 1.2)
        )
        for _ in range(many):
            hour = min(23.9, max(0.0, chance.gauss(chance.choice((9.5, 13, 18)), 2)))
            instants.append(midnight - ago * DAY + hour * HOUR)
    return sorted(instant for instant in instants if instant < NOW)


def _send(
    channel: str, account: str, number: int, created_at: datetime, chance: random.Random
) -> Operation:
    age = NOW - created_at
    total = round(chance.paretovariate(1.1) * 20) if chance.random() < 0.9 else 2500
    total = min(total, 60_000)
    bad = 0.3 if age // DAY == 11 and channel == "messages" else chance.uniform(0.03, 0.11)
    progress = 1 - 0.6 * max(0.0, 1 - age / DAY)
    not_delivered = round(total * bad)
    arrived = round((total - not_delivered) * progress)
    engaged = round(arrived * chance.uniform(0.2, 0.4) * progress)
    waiting = total - not_delivered - arrived
    counters = _counters(
        channel, not_delivered=not_delivered, arrived=arrived, engaged=engaged, waiting=waiting
    )
    return Operation(
        channel=channel,
        id=f"comms_operation_{channel[0]}{account[:1]}{number:020d}",
        account=account,
        created_at=created_at,
        counters=counters,
        status="PROCESSING" if age < 2 * HOUR else "COMPLETED",
        settled=age > 2 * DAY,
    )


def _counters(
    channel: str, *, not_delivered: int, arrived: int, engaged: int, waiting: int
) -> Counters:
    total = not_delivered + arrived + waiting
    common = {"total": total, "recipients": total}
    if channel == "push_notifications":
        return {
            **common,
            "sent": total - not_delivered,
            "failed": not_delivered,
            "unaddressable": total // 50,
        }
    failed = not_delivered // 3
    return {
        **common,
        "attempts": total + total // 20,
        **({"unaddressable": total // 40} if channel == "messages" else {}),
        "sent": waiting,
        "delivered": arrived - engaged,
        "read" if channel == "messages" else "opened": engaged,
        "undelivered": not_delivered - failed,
        "failed": failed,
    }
