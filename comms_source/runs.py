"""One run: finish what a dead run left, read, load, make the views, and say how it went."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source.channels import CHANNELS
from comms_source.errors import LoadFailed
from comms_source.exits import COMPLETE, FAILED, INCOMPLETE
from comms_source.fetching import fetch_operations
from comms_source.journal import ChannelRecord, Journal
from comms_source.reading import empty_batch
from comms_source.session import Session
from comms_source.source import SECTIONS, fetched_resource, operation_resources
from comms_source.views import StatsReading, check_readings, create_views
from comms_source.warehouse import explained, place, reach
from comms_source.windows import to_iso

logger = logging.getLogger("comms_source")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """How a run went."""

    journal: Journal
    started_at: datetime
    ended_at: datetime
    destination: str
    dataset: str
    load_ids: Sequence[str]
    views: Sequence[str]

    @property
    def exit_code(self) -> int:
        """0 if all was read, 1 if not one walk could be finished, 3 if something is missing."""
        if self.journal.fruitless:
            return FAILED
        return COMPLETE if self.journal.complete else INCOMPLETE

    def as_dict(self) -> dict[str, Any]:
        """The same for machines; times in ISO 8601 and UTC, lengths of time in seconds."""
        journal = self.journal
        return {
            "outcome": OUTCOMES[self.exit_code],
            "exit_code": self.exit_code,
            "started_at": to_iso(self.started_at),
            "ended_at": to_iso(self.ended_at),
            "destination": self.destination,
            "dataset": self.dataset,
            "load_ids": list(self.load_ids),
            "views": list(self.views),
            "operations": journal.operations,
            "requests": journal.requests,
            "retries": journal.retries,
            "waited_seconds": round(journal.waited_seconds, 3),
            "channels": {name: _channel(record) for name, record in journal.channels.items()},
        }


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What became of ids that were asked for."""

    found: Mapping[str, str]
    """The channel of each id that was loaded."""
    unknown: Sequence[str]
    failures: Mapping[str, str]

    @property
    def exit_code(self) -> int:
        """0 if all were loaded, 1 if none was, else 3."""
        if not self.unknown and not self.failures:
            return COMPLETE
        return INCOMPLETE if self.found else FAILED


OUTCOMES = {COMPLETE: "complete", FAILED: "failed", INCOMPLETE: "incomplete"}


def run_load(*, session: Session, pipeline: dlt.Pipeline) -> RunSummary:
    """Read all that is due, load it and make the views; failures of walks are in the summary.

    Raises:
        RunStopped: if nothing can be loaded, or the destination does not take it.
    """
    started_at = session.now
    check_readings(pinned_readings())
    finish_pending(pipeline)
    resources = operation_resources(session, on_error="continue")
    with explained():
        info = pipeline.run(_source_of([*resources, *_others(resources)]))
        views = create_views(pipeline, stats_reading=pinned_readings())
    return RunSummary(
        journal=session.journal,
        started_at=started_at,
        ended_at=session.clock(),
        destination=place(pipeline),
        dataset=pipeline.dataset_name,
        load_ids=info.loads_ids,
        views=views,
    )


def run_fetch(*, session: Session, pipeline: dlt.Pipeline, ids: Sequence[str]) -> FetchSummary:
    """Ask for single operations and load those that there are.

    Raises:
        RunStopped: if nothing can be loaded, or the destination does not take it.
    """
    finish_pending(pipeline)
    channels = session.settings.selected
    fetched = fetch_operations(session=session, ids=ids, channels=channels)
    resources = [
        fetched_resource(channel, fetched.batches[channel.name])
        for channel in channels
        if channel.name in fetched.batches
    ]
    if resources:
        with explained():
            pipeline.run(_source_of([*resources, *_others(resources)]))
    return FetchSummary(fetched.found, fetched.unknown, fetched.failures)


def run_views(pipeline: dlt.Pipeline) -> list[str]:
    """Make the views over tables that are there.

    Raises:
        RunStopped: if there are no tables yet, or the destination cannot be reached.
    """
    if not reach(pipeline):
        raise LoadFailed(
            f"{place(pipeline)} has no tables in {pipeline.dataset_name} yet; "
            "run comms load first, it makes the views too"
        )
    with explained():
        return create_views(pipeline, stats_reading=pinned_readings())


def pinned_readings() -> dict[str, StatsReading]:
    """The setting `stats_reading`: how counters are to be read, by channel; empty if not set."""
    return dlt.config.get(".".join((*SECTIONS, "stats_reading")), dict) or {}


def finish_pending(pipeline: dlt.Pipeline) -> None:
    """Load what a run that died had read already, or drop it: dlt would load nothing else before.

    What is dropped is read again by this run, as far as the API still has it.

    Raises:
        RunStopped: if the destination cannot be reached.
    """
    reach(pipeline)
    if not pipeline.has_pending_data:
        return
    with explained():
        try:
            pipeline.run()
            logger.warning("an earlier run had died; what it had read has now been loaded")
        except PipelineStepFailed:
            pipeline.abort_packages()
            logger.warning(
                "an earlier run had died; what it had read was dropped and is read again"
            )


def _source_of(resources: Sequence[DltResource]) -> Any:
    return dlt.source(lambda: resources, name="comms_source", section="comms_source")()


def _others(resources: Sequence[DltResource]) -> list[DltResource]:
    """Empty resources for the channels that are left out, so that their tables come to be."""
    names = {resource.name for resource in resources}
    left_out = [channel for channel in CHANNELS.values() if channel.table not in names]
    return [fetched_resource(channel, empty_batch(channel)) for channel in left_out]


def _channel(record: ChannelRecord) -> dict[str, Any]:
    return {
        "complete": record.complete,
        "operations": record.operations,
        "rejected": record.rejected,
        "requests": record.requests,
        "pages": record.pages,
        "walks": record.walks_planned,
        "walks_done": record.walks_done,
        "refused": record.refused,
        "failures": [
            {
                "start": to_iso(failure.span.start),
                "end": to_iso(failure.span.end),
                "error": failure.error,
                "message": failure.message,
            }
            for failure in record.failures
        ],
        "new_counters": sorted(record.new_counters),
        "new_fields": sorted(record.new_fields),
        "new_statuses": sorted(record.new_statuses),
    }
