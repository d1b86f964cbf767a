"""`comms backfill`: read a range of creation time, a day at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import dlt

from comms_source.commands.run import run_channels
from comms_source.commands.summary import RunSummary
from comms_source.config.accounts import one_account
from comms_source.config.resolve import parse_date
from comms_source.coverage.backfill import DailyBackfill
from comms_source.destinations.pipeline import open_pipeline
from comms_source.destinations.stored_account import StoredAccount
from comms_source.errors import ConfigurationError
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.run_stats import Watcher
from comms_source.extract.session import Session
from comms_source.timespans import SECOND, Span, align_down, align_up, to_iso

logger = logging.getLogger("comms_source")


def backfill(
    since: str | datetime,
    until: str | datetime | None = None,
    *,
    account: str | None = None,
    channels: Sequence[str] | None = None,
    destination: str | None = None,
    dataset: str | None = None,
    watch: Watcher | None = None,
) -> RunSummary:
    """Read what one account created in `[since, until)`, a day at a time; run again, it goes on.

    Each day is committed by itself. Operations older than the API's retention are loaded if it
    returns them, but never marked as covered.

    Args:
        since: The first instant, in UTC where it has no zone; a date means its midnight.
        until: The instant before which to read; by default now.
        account: Which account; not needed where the configuration has one.
        channels: Which of its channels; by default all that it is configured for.
        destination: A dlt destination; by default the one that is configured, or DuckDB.
        dataset: The dataset to load into; by default the one that is configured, or `comms`.
        watch: Called with the counts so far, after each page and each scan.

    Raises:
        ConfigurationError: if a setting or the range is wrong.
        CredentialsRefused: if the API refuses the credentials.
        RunStopped: if nothing (more) can be loaded for another reason.
    """
    chosen = one_account(account, channels=channels)
    start = parse_date("since", since)
    end = None if until is None else parse_date("until", until)
    session = Session(settings=chosen.settings)
    pipeline = open_pipeline(destination=destination, dataset=dataset, account=chosen.section)
    if watch is not None:
        session.stats.watch(watch)
    if start < (oldest := session.now - session.settings.retention):
        logger.warning(
            "the API keeps complete data only since %s; older operations are loaded if returned, "
            "but not marked as covered",
            to_iso(oldest),
        )
    return run_backfill(session=session, pipeline=pipeline, since=start, until=end)


def run_backfill(
    *, session: Session, pipeline: dlt.Pipeline, since: datetime, until: datetime | None
) -> RunSummary:
    """Read what was created in `[since, until)`, a day at a time, as far as it is not done yet.

    Raises:
        ConfigurationError: if the range holds no time, or time that is still to come.
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    backfill_span(since=since, until=until, now=session.now)  # Refuse it before anything is done.

    def runs(session: Session, stored: StoredAccount) -> list[ChannelRun]:
        span = backfill_span(since=since, until=until, now=session.now)
        plan = DailyBackfill(span, open_end=until is None)
        return [
            ChannelRun(
                channel=channel,
                session=session,
                on_error="continue",
                plan=plan,
                stored=stored.channels[channel.name].known,
            )
            for channel in session.settings.selected
        ]

    return run_channels(runs, session=session, pipeline=pipeline, command="backfill")


def backfill_span(*, since: datetime, until: datetime | None, now: datetime) -> Span:
    """The range of a backfill, in whole seconds; up to `now` where no end is given.

    Raises:
        ConfigurationError: if the range holds no time, or time that is still to come.
    """
    start, end = align_down(since, SECOND), now if until is None else align_up(until, SECOND)
    if end > now:
        raise ConfigurationError(f"until: {to_iso(end)} is still to come; leave it out to mean now")
    if start >= now:
        raise ConfigurationError(f"since: {to_iso(start)} is still to come; there is nothing yet")
    if start >= end:
        raise ConfigurationError(
            f"since: {to_iso(start)} does not come before the end, {to_iso(end)}; dates without a "
            "time mean midnight in UTC"
        )
    return Span(start, end)
