"""Load a range of creation time, several days at once: a DAG for Airflow 3, to copy and to change.

Start it by hand and say which days. Each day of each channel of each account is a task of its own;
stopped or failed, it goes on where it was when it is run again. Meant for a database on a server:
tasks that load into one DuckDB file take turns. docs/airflow.md says how to install it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    dag,
    get_current_context,
    task,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException

AT_ONCE = 4
"""How many days load at the same time."""
TELL: list[Any] = []
"""Whom to tell once a task has failed for good: notifiers, such as Airflow's SmtpNotifier."""

USELESS = ["comms_source.errors.ConfigurationError", "comms_source.errors.CredentialsRefused"]
"""After these, nothing gets better by trying again."""

EACH_TASK = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "retry_policy": ExceptionRetryPolicy([RetryRule(exception=USELESS, action=RetryAction.FAIL)]),
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": TELL,
}

NAMES = {"type": ["null", "array"], "items": {"type": "string"}}

logger = logging.getLogger("comms_backfill")


@dag(
    schedule=None,
    max_active_runs=1,
    default_args=EACH_TASK,
    params={
        "since": Param(type="string", format="date", description="The first day, in UTC"),
        "until": Param(type="string", format="date", description="The day after the last one"),
        "accounts": Param(None, description="Only these accounts", **NAMES),
        "channels": Param(None, description="Only these channels", **NAMES),
    },
    tags=["comms"],
    doc_md=__doc__,
)
def comms_backfill() -> None:
    """Load each day, and make the views once all days are there."""

    @task
    def list_days(params: Any = None) -> list[dict[str, str]]:
        from comms_source import tasks

        return tasks.of_backfill(**params)

    @task(
        map_index_template="{{ task.op_kwargs.since[:10] }} {{ task.op_kwargs.account }} "
        "{{ task.op_kwargs.channel }}",
        max_active_tis_per_dagrun=AT_ONCE,
    )
    def backfill(account: str, channel: str, since: str, until: str) -> None:
        from comms_source import tasks

        summary = tasks.backfill(account=account, channel=channel, since=since, until=until)
        conclude(summary, of=f"account {account}, {channel}, {since} to {until}")

    @task
    def make_views() -> None:
        from comms_source import tasks

        tasks.views()

    backfill.expand_kwargs(list_days()) >> make_views()


def conclude(summary: Any, *, of: str) -> None:
    """Tell how a day went, and fail if it was incomplete; what it could read is in the tables."""
    for line in summary.lines():
        logger.info(line)
    get_current_context()["ti"].xcom_push(key="summary", value=summary.as_dict())
    if summary.exit_code and summary.worth_retrying:
        raise AirflowException(f"{of}: not all could be read; another try may read the rest")
    if summary.exit_code:
        raise AirflowFailException(f"{of}: incomplete; another try would not change that")


comms_backfill()
