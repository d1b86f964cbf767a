"""`comms backfill`: read a range of creation time, a day at a time."""

from __future__ import annotations

from datetime import datetime

import dlt

from comms_source.commands.run import run_channels
from comms_source.commands.summary import RunSummary
from comms_source.coverage.backfill import Backfill
from comms_source.destinations.lanes import in_lane
from comms_source.destinations.load_packages import forget_lane
from comms_source.destinations.stored_account import StoredAccount
from comms_source.errors import (
    ConfigurationError,
)
from comms_source.extract.channel_run import ChannelRun
from comms_source.extract.session import Session
from comms_source.timespans import SECOND, Span, align_down, align_up, to_iso


def run_backfill(
    *, session: Session, pipeline: dlt.Pipeline, since: datetime, until: datetime | None
) -> RunSummary:
    """Read what was created in `[since, until)`, a day at a time, as far as it is not done yet.

    Raises:
        ConfigurationError: if the range holds no time, or time that is still to come.
        RunStopped: if nothing (more) can be loaded, or the destination does not take it.
    """
    backfill_span(since=since, until=until, now=session.now)  # Refuse it before anything is done.
    in_a_lane = in_lane(pipeline.pipeline_name)

    def runs(session: Session, stored: StoredAccount) -> list[ChannelRun]:
        span = backfill_span(since=since, until=until, now=session.now)
        backfill = Backfill(span, open_end=until is None, in_lane=in_a_lane)
        return [
            ChannelRun(
                channel=channel,
                session=session,
                on_error="continue",
                backfill=backfill,
                elsewhere=None if in_a_lane else stored.elsewhere[channel.name],
            )
            for channel in session.settings.selected
        ]

    summary = run_channels(runs, session=session, pipeline=pipeline, command="backfill")
    if in_a_lane and summary.journal.read_all:
        forget_lane(pipeline)
    return summary


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
