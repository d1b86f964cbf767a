"""Load a range of creation time: a DAG for Airflow 3, to copy and to change.

Start it by hand and choose the range. Each account is read by a task of its own, a day at a time.
A task that was stopped or failed goes on where it was when it is run again. See docs/airflow.md.
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

MAX_PARALLEL = 4
"""How many accounts are read at the same time."""
NOTIFIERS: list[Any] = []
"""Called when a task has failed for good: notifiers, such as Airflow's SmtpNotifier."""

NO_RETRY_ERRORS = [
    "comms_source.errors.ConfigurationError",
    "comms_source.errors.CredentialsRefused",
]
"""Errors that another try would meet again."""

DEFAULT_ARGS = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "retry_policy": ExceptionRetryPolicy(
        [RetryRule(exception=NO_RETRY_ERRORS, action=RetryAction.FAIL)]
    ),
    "execution_timeout": timedelta(hours=6),
    "on_failure_callback": NOTIFIERS,
}

DATE = {"format": "date"}
NAMES = {"type": ["null", "array"], "items": {"type": "string"}}

logger = logging.getLogger("comms_backfill")


@dag(
    schedule=None,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={
        "since": Param(type="string", description="The first day, in UTC", **DATE),
        "until": Param(
            None,
            type=["null", "string"],
            description="The day after the last one; by default now",
            **DATE,
        ),
        "accounts": Param(None, description="Only these accounts", **NAMES),
        "channels": Param(None, description="Only these channels", **NAMES),
    },
    tags=["comms"],
    doc_md=__doc__,
)
def comms_backfill() -> None:
    """Read the range for each account."""

    @task
    def list_accounts(params: Any = None) -> list[str]:
        from comms_source import tasks

        return tasks.accounts(params["accounts"], channels=params["channels"])

    @task(map_index_template="{{ task.op_kwargs.account }}", max_active_tis_per_dagrun=MAX_PARALLEL)
    def backfill(account: str, params: Any = None) -> None:
        from comms_source import tasks

        since, until = params["since"], params["until"]
        summary = tasks.backfill(since, until, account=account, channels=params["channels"])
        conclude(summary, of=f"account {account}, {since} to {until or 'now'}")

    backfill.expand(account=list_accounts())


def conclude(summary: Any, *, of: str) -> None:
    """Log the summary, keep it as an XCom, and fail if the backfill is incomplete.

    What could be read is in the tables by then.
    """
    for line in summary.lines():
        logger.info(line)
    get_current_context()["ti"].xcom_push(key="summary", value=summary.as_dict())
    if summary.exit_code and summary.worth_retrying:
        raise AirflowException(f"{of}: not all could be read; another try may read the rest")
    if summary.exit_code:
        raise AirflowFailException(f"{of}: incomplete; another try would not change that")


comms_backfill()
