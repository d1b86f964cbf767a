"""What cron may run in the place of `comms load`: load every account, and call for help in time.

    */15 * * * * cd /srv/comms && .venv/bin/python load_and_alert.py >> load.log 2>&1

It alerts when an account could not be loaded completely, and when the time runs out before the API
forgets what was not read. Its exit code is 0 if there was nothing to tell, else 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta

from comms_source.commands.load import run_load
from comms_source.commands.status import read_status
from comms_source.config.accounts import Account, read_accounts
from comms_source.destinations.pipeline import open_pipeline
from comms_source.errors import RunStopped
from comms_source.extract.session import Session
from comms_source.timespans import utc_now

NOTICE = timedelta(days=2)
"""How long before something is lost to call for help."""


def alert(text: str) -> None:
    """Tell somebody; change this to a call of your chat, pager or mail."""
    print(f"ALERT {text}", file=sys.stderr)  # noqa: T201 - a script talks to whoever runs it


def load(account: Account) -> Iterator[str]:
    """Load one account, print how it went, and yield what somebody should hear of."""
    try:
        summary = run_load(session=Session(settings=account.settings), pipeline=open_pipeline())
    except RunStopped as error:
        yield f"{account.name}: {type(error).__name__}: {error}"
        return
    print(f"account {account.name}", *summary.lines(), sep="\n")  # noqa: T201
    if summary.exit_code:
        yield f"{account.name}: the load was not complete"


def deadline(account: Account) -> Iterator[str]:
    """Yield which channels must be read soon, or else something is lost."""
    try:
        pipeline, now = open_pipeline(), utc_now()
        status = read_status(settings=account.settings, pipeline=pipeline, now=now)
    except RunStopped as error:
        yield f"{account.name}: how it stands is not known: {error}"
        return
    for channel in status.channels:
        if channel.deadline is not None and channel.deadline < now + NOTICE:
            yield f"{account.name}, {channel.channel}: read it before {channel.deadline}"


def main() -> int:
    """Load all accounts; returns the exit code."""
    told = [
        text
        for account in read_accounts().selected
        for look in (load, deadline)
        for text in look(account)
    ]
    for text in told:
        alert(text)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
