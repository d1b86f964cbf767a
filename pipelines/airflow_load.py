"""Load each channel of each account every 15 minutes: a DAG for Airflow 3, to copy and to change.

Each channel of an account is a task of its own. One that fails stops no other, and all of them can
be run again without harm. The settings are those of the commands, read while a task runs; reading
this file asks nobody for anything. docs/airflow.md says how to install it, and what to look at.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import (
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TriggerRule,
    dag,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException

SCHEDULE = "*/15 * * * *"
AT_ONCE = 4
"""How many channels load at the same time."""
NOTICE_DAYS = 2
"""How many days before something is lost the alert is raised."""
TELL: list[Any] = []
"""Whom to tell once a task has failed for good: notifiers, such as Airflow's SmtpNotifier."""

USELESS = ["comms_source.errors.ConfigurationError", "comms_source.errors.CredentialsRefused"]
"""After these, nothing gets better by trying again."""

EACH_TASK = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "retry_policy": ExceptionRetryPolicy([RetryRule(exception=USELESS, action=RetryAction.FAIL)]),
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": TELL,
}

logger = logging.getLogger("comms_load")


@dag(
    schedule=SCHEDULE,
    catchup=False,  # a run reads all that is due, however many runs were missed
    max_active_runs=1,
    default_args=EACH_TASK,
    params={"notice_days": Param(NOTICE_DAYS, type="number", minimum=0)},
    tags=["comms"],
    doc_md=__doc__,
)
def comms_load() -> None:
    """Load, make the views, and look by when to load again; the run is green if all of it was."""

    @task
    def list_channels() -> list[dict[str, str]]:
        from comms_source import tasks

        return tasks.of_load()

    @task(
        map_index_template="{{ task.op_kwargs.account }} {{ task.op_kwargs.channel }}",
        max_active_tis_per_dagrun=AT_ONCE,
    )
    def load(account: str, channel: str) -> None:
        from comms_source import tasks

        summary = tasks.load(account=account, channel=channel)
        conclude(summary, of=f"account {account}, {channel}")

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def make_views() -> None:
        from comms_source import tasks

        tasks.views()

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def watch_deadline(params: Any = None) -> None:
        from comms_source import tasks

        soon = datetime.now(UTC) + timedelta(days=params["notice_days"])
        near = []
        for status in tasks.statuses():
            for channel in status.channels:
                told = f"account {status.account}, {channel.channel}: {by_when(channel.deadline)}"
                logger.info(told)
                if channel.deadline is None or channel.deadline < soon:
                    near.append(told)
        if near:
            raise AirflowFailException("soon the API forgets what was not read: " + "; ".join(near))

    @task
    def complete() -> None:
        """Run only if no task failed; a run of the DAG is as its last task is."""

    channels = list_channels()
    loaded = load.expand_kwargs(channels)
    last = [make_views(), watch_deadline()]
    loaded >> last
    [channels, loaded, *last] >> complete()


def conclude(summary: Any, *, of: str) -> None:
    """Tell how a load went, and fail if it was incomplete; what it could read is in the tables."""
    for line in summary.lines():
        logger.info(line)
    get_current_context()["ti"].xcom_push(key="summary", value=summary.as_dict())
    if summary.exit_code and summary.worth_retrying:
        raise AirflowException(f"{of}: not all could be read; another try may read the rest")
    if summary.exit_code:
        raise AirflowFailException(f"{of}: incomplete; another try would not change that")


def by_when(deadline: datetime | None) -> str:
    """What to do until when."""
    if deadline is None:
        return "nothing has been read yet"
    return f"must be read completely before {deadline:%Y-%m-%d %H:%M} UTC"


comms_load()
