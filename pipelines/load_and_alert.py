"""Load every account, and send an alert where something is wrong: a script for cron.

    */15 * * * * cd /srv/comms && .venv/bin/python load_and_alert.py >> load.log 2>&1

It sends an alert when an account could not be loaded completely, and when a deadline is near after
which the API no longer has what was not read. The exit code is 1 if there was an alert, else 0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

from comms_source import RunStopped, list_accounts, load, status

NOTICE = timedelta(days=2)
"""How long before a deadline the alert is sent."""


def send(alert: str) -> None:
    """Send an alert; change this to a call of your chat, pager or mail."""
    print(f"ALERT {alert}", file=sys.stderr)  # noqa: T201 - a script may print


def loaded(account: str) -> Iterator[str]:
    """Load one account, print the summary, and yield an alert if it is incomplete."""
    try:
        summary = load(account)
    except RunStopped as error:
        yield f"{account}: {type(error).__name__}: {error}"
        return
    print(f"account {account}", *summary.lines(), sep="\n")  # noqa: T201
    if summary.exit_code:
        yield f"{account}: the load was not complete"


def near(account: str) -> Iterator[str]:
    """Yield an alert for each channel with a deadline that is near."""
    try:
        found = status(account)
    except RunStopped as error:
        yield f"{account}: the status is not known: {error}"
        return
    for channel in found.channels:
        if channel.deadline is not None and channel.deadline < found.now + NOTICE:
            yield f"{account}, {channel.channel}: read it before {channel.deadline}"


def alerts() -> Iterator[str]:
    """Load all accounts, and yield all alerts."""
    try:
        accounts = list_accounts()
    except RunStopped as error:
        yield f"{type(error).__name__}: {error}"
        return
    for account in accounts:
        yield from loaded(account)
        yield from near(account)


def main() -> int:
    """Load all accounts and send the alerts; returns the exit code."""
    code = 0
    for alert in alerts():
        send(alert)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
