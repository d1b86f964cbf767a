"""`comms check`."""

from __future__ import annotations

import typer

from comms_source.cli.options import AsJson, Channels, Dataset, Destination, given
from comms_source.cli.outcome import ending, print_json


def check(
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Look at credentials, channels, clock and destination, without loading.

    Each passes, or is told with a remedy.
    """
    with ending(as_json=as_json):
        from comms_source.checks import check_channels, exit_code  # noqa: PLC0415 - slow to import
        from comms_source.source import resolve_settings  # noqa: PLC0415
        from comms_source.warehouse import check_destination  # noqa: PLC0415

        settings = resolve_settings(**given(channels=channel))
        checks = list(check_channels(settings))
        checks.append(check_destination(destination=destination, dataset=dataset))
        code = exit_code(checks)
        if as_json:
            print_json({"exit_code": code, "checks": [made.as_dict() for made in checks]})
        else:
            for made in checks:
                mark = "pass" if made.passed else "FAIL"
                typer.echo(f"{mark}  {made.subject:<20}{made.detail}")
    raise typer.Exit(code)
