"""`comms load`: read all that is due, load it and create the views."""

from __future__ import annotations

import dlt

from comms_source.commands.run import run_channels
from comms_source.commands.summary import RunSummary
from comms_source.destinations.stored_account import StoredAccount
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.session import Session


def run_load(*, session: Session, pipeline: dlt.Pipeline) -> RunSummary:
    """Read all that is due, load it and make the views; failures of walks are in the summary.

    In a lane, the views are left to whoever runs the lanes.

    Raises:
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    return run_channels(_due_runs, session=session, pipeline=pipeline, command="load")


def _due_runs(session: Session, stored: StoredAccount) -> list[ChannelRun]:
    return [
        ChannelRun(
            channel=channel,
            session=session,
            on_error="continue",
            elsewhere=stored.elsewhere[channel.name],
            stored=stored.channels[channel.name],
        )
        for channel in session.settings.selected
    ]
