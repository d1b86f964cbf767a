"""Load every 15 minutes, each table an asset: definitions for Dagster, to copy and to change.

    dagster dev -f dagster_load.py

The settings are those of the commands. dlt reads them in the working directory, when Dagster reads
this file and when it loads. What could be read is loaded. A channel that could not be read is
marked by a check of its table, and fails the run. See docs/orchestrators.md.
"""

# Dagster reads the annotations of its functions, so they are no strings here.
from collections.abc import Iterator
from typing import Any

import dagster as dg
import dlt
from dagster_dlt import DagsterDltResource, DagsterDltTranslator, dlt_assets
from dagster_dlt.translator import DltResourceTranslatorData

from comms_source import comms_source, make_views, status

SCHEDULE = "*/15 * * * *"
DESTINATION = "duckdb"
DATASET = "comms"
TABLES = {
    "messages": "message_operations",
    "emails": "email_operations",
    "push_notifications": "push_notification_operations",
}
"""The table of each channel."""


class Translator(DagsterDltTranslator):
    """Names an asset after its table."""

    def get_asset_spec(self, data: DltResourceTranslatorData) -> dg.AssetSpec:
        """The table of a resource, in a group of its own."""
        spec = super().get_asset_spec(data)
        return spec.replace_attributes(
            key=dg.AssetKey([DATASET, data.resource.name]), deps=[], group_name=DATASET
        )


source = comms_source(on_error="continue")


@dlt_assets(
    name="tables",
    dlt_source=source,
    dlt_pipeline=dlt.pipeline("twilio_comms", destination=DESTINATION, dataset_name=DATASET),
    dagster_dlt_translator=Translator(),
    pool="comms",
)
def tables(context: dg.AssetExecutionContext, loader: DagsterDltResource) -> Iterator[Any]:
    """Read what is due, and load it in one package."""
    yield from loader.run(context=context, dlt_source=comms_source(on_error="continue"))


@dg.asset(key=[DATASET, "views"], deps=[tables], group_name=DATASET)
def views(context: dg.AssetExecutionContext) -> None:
    """The views over the tables."""
    context.log.info("views: %s", ", ".join(make_views(destination=DESTINATION, dataset=DATASET)))


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(f"{channel}_read", asset=[DATASET, table])
        for channel, table in TABLES.items()
        if table in source.resources
    ],
    can_subset=True,
)
def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    """Whether the last run read all that was due of each channel; the run fails if not."""
    failed = []
    selected = {key.name for key in context.selected_asset_check_keys}
    for channel in status(destination=DESTINATION, dataset=DATASET).channels:
        name = channel.channel
        if f"{name}_read" not in selected:
            continue
        reasons = [f"{name}: {each.removeprefix(f'{name}: ')}" for each in channel.failures]
        for reason in reasons:
            context.log.error(reason)
        failed += reasons
        yield dg.AssetCheckResult(
            asset_key=[DATASET, TABLES[name]],
            check_name=f"{name}_read",
            passed=not reasons,
            description="; ".join(reasons) or None,
            metadata={"gaps": len(channel.gaps), "rejected rows": channel.rejected},
        )
    if failed:
        raise dg.Failure("; ".join(failed), allow_retries=False)


load = dg.define_asset_job(
    "comms_load",
    selection=dg.AssetSelection.groups(DATASET),
    executor_def=dg.in_process_executor,  # a process at a time may write to a DuckDB file
)
defs = dg.Definitions(
    assets=[tables, views],
    asset_checks=[checks],
    jobs=[load],
    schedules=[dg.ScheduleDefinition(job=load, cron_schedule=SCHEDULE)],
    resources={"loader": DagsterDltResource()},
)
