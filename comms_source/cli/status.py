"""`comms status`."""

from __future__ import annotations

from comms_source.cli.options import AsJson, Channels, Dataset, Destination, given
from comms_source.cli.outcome import ending, print_json


def status(
    channel: Channels = None,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show what is fresh, what is missing, and by when to run again to lose nothing."""
    with ending(as_json=as_json):
        from comms_source.cli.screen import show_status  # noqa: PLC0415 - dlt is slow to import
        from comms_source.session import utc_now  # noqa: PLC0415
        from comms_source.source import resolve_settings  # noqa: PLC0415
        from comms_source.status import read_status  # noqa: PLC0415
        from comms_source.warehouse import open_pipeline  # noqa: PLC0415

        settings = resolve_settings(**given(channels=channel))
        pipeline = open_pipeline(destination=destination, dataset=dataset)
        stand = read_status(settings=settings, pipeline=pipeline, now=utc_now())
        if as_json:
            print_json(stand.as_dict())
        else:
            show_status(stand)
