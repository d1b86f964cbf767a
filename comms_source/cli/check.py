"""`comms check`."""

from __future__ import annotations

import typer

from comms_source.cli.error_handling import ending, print_json
from comms_source.cli.options import AccountNames, AsJson, Channels, Dataset, Destination


def check(
    account: AccountNames = None,
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, credentials, channels, clock and destination.

    Nothing is loaded. A failed check says what to do.
    """
    with ending(as_json=as_json):
        from comms_source.commands.check import (  # noqa: PLC0415 - dlt is slow to import
            check_accounts,
            check_configuration,
            check_destination,
            exit_code,
        )

        checks = [*check_configuration(), *check_accounts(names=account, channels=channel)]
        checks.append(check_destination(destination=destination, dataset=dataset))
        code = exit_code(checks)
        if as_json:
            print_json({"exit_code": code, "checks": [made.as_dict() for made in checks]})
        else:
            several = len({made.account for made in checks if made.account}) > 1
            for made in checks:
                mark = "pass" if made.passed else "FAIL"
                whose = f"{made.account or '':<16}" if several else ""
                typer.echo(f"{mark}  {whose}{made.subject:<20}{made.detail}")
    raise typer.Exit(code)
