"""`comms load`."""

from __future__ import annotations

import sys

import typer

from comms_source.cli.options import AsJson, Channels, Dataset, Destination, Full, given
from comms_source.cli.outcome import ending, print_json


def load(
    channel: Channels = None,
    full: Full = False,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Load what is new or may have changed, and make the views.

    Credentials come from TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, from TWILIO_API_KEY and
    TWILIO_API_KEY_SECRET, or from .dlt/secrets.toml. Running it again is harmless.
    """
    with ending(as_json=as_json):
        from comms_source.cli.progress import watching  # noqa: PLC0415 - dlt is slow to import
        from comms_source.cli.screen import show_figures, show_summary  # noqa: PLC0415
        from comms_source.runs import run_load  # noqa: PLC0415
        from comms_source.session import Session  # noqa: PLC0415
        from comms_source.source import resolve_settings  # noqa: PLC0415
        from comms_source.warehouse import open_pipeline  # noqa: PLC0415

        session = Session(
            settings=resolve_settings(**given(channels=channel, refresh="full" if full else None))
        )
        pipeline = open_pipeline(destination=destination, dataset=dataset)
        with watching(session.journal):
            summary = run_load(session=session, pipeline=pipeline)
        if as_json:
            print_json(summary.as_dict())
        else:
            show_summary(summary)
            if sys.stdout.isatty():
                # Nobody looks at a scheduled run, and a large warehouse takes its time for them.
                show_figures(pipeline)
    raise typer.Exit(summary.exit_code)
