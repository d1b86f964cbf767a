"""`comms plan`."""

from __future__ import annotations

from comms_source.cli.options import AsJson, Channels, Dataset, Destination, Full, given
from comms_source.cli.outcome import ending, print_json


def plan(
    channel: Channels = None,
    full: Full = False,
    destination: Destination = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
) -> None:
    """Show what the next load would ask for and why, without asking."""
    with ending(as_json=as_json):
        from comms_source.cli.screen import show_plan  # noqa: PLC0415 - dlt is slow to import
        from comms_source.plans import plan_load  # noqa: PLC0415
        from comms_source.session import utc_now  # noqa: PLC0415
        from comms_source.source import resolve_settings  # noqa: PLC0415
        from comms_source.warehouse import open_pipeline  # noqa: PLC0415

        settings = resolve_settings(**given(channels=channel, refresh="full" if full else None))
        pipeline = open_pipeline(destination=destination, dataset=dataset)
        plans = plan_load(settings=settings, pipeline=pipeline, now=utc_now())
        if as_json:
            print_json({plan.channel: plan.as_dict() for plan in plans})
        else:
            show_plan(plans)
