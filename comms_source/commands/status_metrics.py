"""A status as metrics for Prometheus.

The text is OpenMetrics, of gauges without timestamps only. Such a text is also valid in the older
text format of Prometheus, the only one that node_exporter reads from files: what the two formats
write differently, such as counters, does not occur in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from comms_source.commands.channel_status import ChannelStatus
from comms_source.commands.status import Status
from comms_source.tables.bookkeeping import FOLLOWED_OUTCOMES, RUN_OUTCOMES
from comms_source.tables.detail_tables import DETAILS_OUTCOMES

Value = float | datetime | None
"""A time is written in seconds since 1970, and None is left out."""
Values = Iterator[tuple[tuple[str, ...], Value]]
"""Values by their labels, in the order of the metric's."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it is called, what it means, and its values in a status."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: Callable[[Status], Values]


def as_metrics(statuses: Sequence[Status], *, unknown: Sequence[str] = ()) -> str:
    """The metrics of some accounts.

    Args:
        statuses: One of each account.
        unknown: The accounts whose status could not be read.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(statuses, unknown))
    text: bytes = generate_latest(registry)
    return text.decode()


@dataclass(frozen=True, slots=True, eq=False)  # a registry compares collectors by identity
class _Metrics(Collector):
    statuses: Sequence[Status]
    unknown: Sequence[str]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        success = "1 if the status of the account could be read; 0 if not, and then only this."
        family = GaugeMetricFamily("comms_status_success", success, labels=["account"])
        read = dict.fromkeys(self.unknown, 0) | {each.account: 1 for each in self.statuses}
        for account, value in read.items():
            family.add_metric([account], value)
        yield family
        yield from (_family(metric, self.statuses) for metric in METRICS)


def _family(metric: Metric, statuses: Sequence[Status]) -> GaugeMetricFamily:
    unit = "seconds" if metric.name.endswith("_seconds") else ""
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels, unit=unit)
    for status in statuses:
        for labels, value in metric.values(status):
            if value is not None:
                number = value.timestamp() if isinstance(value, datetime) else value
                family.add_metric(labels, number)
    return family


def _of_account(name: str, meaning: str, read: Callable[[Status], Value]) -> Metric:
    def values(status: Status) -> Values:
        yield (status.account,), read(status)

    return Metric(f"comms_{name}", meaning, ("account",), values)


def _of_channel(name: str, meaning: str, read: Callable[[ChannelStatus], Value]) -> Metric:
    def values(status: Status) -> Values:
        for channel in status.channels:
            yield (status.account, channel.channel), read(channel)

    return Metric(f"comms_{name}", meaning, ("account", "channel"), values)


def _info(status: Status) -> Values:
    kind = status.destination.partition(" ")[0]  # not its address, which many would see
    yield (status.account, status.pipeline, status.dataset, kind), 1


def _outcomes(status: Status) -> Values:
    if status.last_run:
        for outcome in RUN_OUTCOMES:
            yield (status.account, outcome), status.last_run.outcome == outcome


def _followed(status: Status) -> Values:
    for channel in status.channels:
        for outcome in FOLLOWED_OUTCOMES:
            labels = (status.account, channel.channel, outcome)
            yield labels, channel.followed.get(outcome, 0)


def _details(status: Status) -> Values:
    for channel in status.channels:
        for kind in sorted({*status.details, *channel.details}):
            counts: Mapping[str, int] = channel.details.get(kind, {})
            for outcome in DETAILS_OUTCOMES:
                labels = (status.account, channel.channel, kind, outcome)
                yield labels, counts.get(outcome, 0)


def _details_due(status: Status) -> Values:
    if status.details:
        for channel in status.channels:
            yield (status.account, channel.channel), channel.details_waiting


OF_ACCOUNTS: Final = (
    _of_account(
        "status_timestamp_seconds",
        "When the status was read that these metrics are of.",
        lambda it: it.now,
    ),
    Metric(
        "comms_account_info",
        "The dlt pipeline of the account, its dataset and kind of destination; always 1.",
        ("account", "pipeline", "dataset", "destination"),
        _info,
    ),
    _of_account(
        "loaded",
        "1 if there are tables; 0 before the first load, and then no channel has metrics.",
        lambda it: it.is_loaded,
    ),
    _of_account(
        "last_run_timestamp_seconds",
        "When the run began that began last, of those that left a row in the table runs.",
        lambda it: it.last_run.started_at if it.last_run else None,
    ),
    Metric(
        "comms_last_run_outcome",
        "1 for the outcome of the run that began last, 0 for the other outcomes.",
        ("account", "outcome"),
        _outcomes,
    ),
    _of_account(
        "last_complete_run_timestamp_seconds",
        "When the last run began whose outcome was complete; backfills do not count.",
        lambda it: it.last_complete_run,
    ),
)
OF_READING: Final = (
    _of_channel(
        "last_read_timestamp_seconds",
        "When the newest read of a window began.",
        lambda it: it.last_read,
    ),
    _of_channel(
        "last_complete_read_timestamp_seconds",
        "When the last run began that left nothing of the channel due.",
        lambda it: it.last_complete_read,
    ),
    _of_channel(
        "newest_operation_timestamp_seconds",
        "When the newest stored operation was created.",
        lambda it: it.newest_operation,
    ),
    _of_channel("operations", "Operations that are stored.", lambda it: it.operations),
    _of_channel(
        "windows",
        "Windows of creation time that the API still answers for, the open one included.",
        lambda it: it.windows,
    ),
    _of_channel(
        "windows_fresh",
        "Windows that the API still answers for and that a load would not read now.",
        lambda it: it.fresh,
    ),
    _of_channel(
        "windows_missing_rows",
        "Windows whose rows were loaded and are gone; the next load reads them again.",
        lambda it: it.short,
    ),
    _of_channel(
        "channel_last_run_timestamp_seconds",
        "When the last run on the channel began.",
        lambda it: it.last_run.started_at if it.last_run else None,
    ),
    _of_channel(
        "channel_last_run_requests",
        "Requests that the last run on the channel sent on it, retries included.",
        lambda it: it.last_run.requests if it.last_run else None,
    ),
    _of_channel(
        "channel_last_run_failures",
        "Scans and requests by id or for details that failed in the last run on the channel.",
        lambda it: len(it.failures) if it.last_run else None,
    ),
    _of_channel(
        "channel_refused",
        "1 if the API refused the channel in the last run on it, else 0.",
        lambda it: it.last_run.refused if it.last_run else None,
    ),
)
OF_LOSSES: Final = (
    _of_channel("gaps", "Ranges of creation time that are lost.", lambda it: len(it.gaps)),
    _of_channel(
        "gap_seconds",
        "How much creation time is lost in all.",
        lambda it: sum((gap.width for gap in it.gaps), timedelta()).total_seconds(),
    ),
    _of_channel(
        "deadline_timestamp_seconds",
        "When the API begins to forget what was never read completely; load before it.",
        lambda it: it.deadline,
    ),
    _of_channel(
        "freeze_timestamp_seconds",
        "When figures begin to freeze that may still change; better load before it.",
        lambda it: it.freezes_at,
    ),
    _of_channel(
        "frozen_seconds",
        "Creation time past retention that was last read too early, so figures may be too low.",
        lambda it: sum((span.width for span in it.frozen), timedelta()).total_seconds(),
    ),
    _of_channel(
        "rejected_rows",
        "Rows that could not be read, and are neither resolved nor acknowledged.",
        lambda it: it.rejected,
    ),
    Metric(
        "comms_followed_operations",
        "Operations that left the lists of the API before they ended, and are fetched by id.",
        ("account", "channel", "outcome"),
        _followed,
    ),
    Metric(
        "comms_details_operations",
        "Operations whose details were read, were empty, or expired unread.",
        ("account", "channel", "kind", "outcome"),
        _details,
    ),
    Metric(
        "comms_details_due_operations",
        "Operations whose details are due.",
        ("account", "channel"),
        _details_due,
    ),
    _of_channel(
        "details_deadline_timestamp_seconds",
        "When the first operation with unread details leaves the lists of the API.",
        lambda it: it.details_deadline,
    ),
)
METRICS: Final = (*OF_ACCOUNTS, *OF_READING, *OF_LOSSES)
"""All but `comms_status_success`, in the order in which they are written."""
