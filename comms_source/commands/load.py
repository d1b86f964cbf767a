"""`comms load`: read all that is due, load it and create the views."""

from __future__ import annotations

from collections.abc import Sequence

import dlt

from comms_source.commands.run import run_channels
from comms_source.commands.summary import RunSummary
from comms_source.config.accounts import one_account
from comms_source.destinations.pipeline import open_pipeline
from comms_source.destinations.stored_account import StoredAccount
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.run_stats import Watcher
from comms_source.extract.session import Session


def load(
    account: str | None = None,
    *,
    channels: Sequence[str] | None = None,
    full: bool = False,
    destination: str | None = None,
    dataset: str | None = None,
    watch: Watcher | None = None,
) -> RunSummary:
    """Load what is new or may have changed of one account, and create the views.

    Args:
        account: Which account; not needed where the configuration has one.
        channels: Which of its channels; by default all that it is configured for.
        full: Re-read everything that the API still has.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset to load into; by default the one that is configured, or `comms`.
        watch: Called with the counts so far, after each page and each scan.

    Returns:
        How it went; scans that failed are in it, and `exit_code` is 3 if anything is missing.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
        CredentialsRefused: if the API refuses the credentials.
        RunStopped: if nothing (more) can be loaded for another reason.
    """
    chosen = one_account(account, channels=channels, refresh="full" if full else None)
    session = Session(settings=chosen.settings)
    pipeline = open_pipeline(destination=destination, dataset=dataset, account=chosen.section)
    if watch is not None:
        session.stats.watch(watch)
    return run_load(session=session, pipeline=pipeline)


def run_load(*, session: Session, pipeline: dlt.Pipeline) -> RunSummary:
    """Read all that is due, load it and make the views; failures of scans are in the summary.

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
            stored=stored.channels[channel.name],
        )
        for channel in session.settings.selected
    ]
