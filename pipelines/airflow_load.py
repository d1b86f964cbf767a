"""Load every account every 15 minutes: a DAG for Airflow 3, to copy and to change.

Each account is loaded by a task of its own. A task that fails does not stop the others, and every
task can be run again without harm. The settings are those of the commands. They are read when a
task runs; parsing this file opens no setting and no connection. See docs/airflow.md.
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
MAX_PARALLEL = 4
"""How many accounts load at the same time."""
NOTICE_DAYS = 2
"""How many days before a deadline the alert is raised."""
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
    "execution_timeout": timedelta(hours=1),
    "on_failure_callback": NOTIFIERS,
}

logger = logging.getLogger("comms_load")


@dag(
    schedule=SCHEDULE,
    catchup=False,  # a run reads all that is due, however many runs were missed
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params={"notice_days": Param(NOTICE_DAYS, type="number", minimum=0)},
    tags=["comms"],
    doc_md=__doc__,
)
def comms_load() -> None:
    """Load each account, then check the deadlines; the run succeeds if every task did."""

    @task
    def list_accounts() -> list[str]:
        from comms_source import tasks

        return tasks.accounts()

    @task(map_index_template="{{ task.op_kwargs.account }}", max_active_tis_per_dagrun=MAX_PARALLEL)
    def load(account: str) -> None:
        from comms_source import tasks

        conclude(tasks.load(account), of=f"account {account}")

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def watch_deadline(params: Any = None) -> None:
        from comms_source import RunStopped, tasks

        soon = datetime.now(UTC) + timedelta(days=params["notice_days"])
        near, unknown = [], []
        for account in tasks.accounts():
            try:
                status = tasks.status(account)
            except RunStopped as error:
                line = f"account {account}: {type(error).__name__}: {error}"
                logger.warning(line)
                unknown.append(line)
                continue
            for channel in status.channels:
                name = f"account {account}, {channel.channel}"
                line = f"{name}: {load_before(channel.deadline)}"
                logger.info(line)
                if channel.freezes_at:
                    logger.info("%s: %s", name, better_before(channel.freezes_at))
                if channel.deadline is None or channel.deadline < soon:
                    near.append(line)
        alert(near, unknown)

    @task
    def complete() -> None:
        """Run only if no task failed. The state of the DAG run is that of its last task."""

    accounts = list_accounts()
    loaded = load.expand(account=accounts)
    watched = watch_deadline()
    loaded >> watched
    [accounts, loaded, watched] >> complete()


def conclude(summary: Any, *, of: str) -> None:
    """Log the summary, keep it as an XCom, and fail if the load is incomplete.

    What could be read is in the tables by then.
    """
    for line in summary.lines():
        logger.info(line)
    get_current_context()["ti"].xcom_push(key="summary", value=summary.as_dict())
    if summary.exit_code and summary.worth_retrying:
        raise AirflowException(f"{of}: not all could be read; another try may read the rest")
    if summary.exit_code:
        raise AirflowFailException(f"{of}: incomplete; another try would not change that")


def alert(near: list[str], unknown: list[str]) -> None:
    """Fail if a deadline is near, or if the status of an account is not known."""
    causes = []
    if near:
        causes.append("soon the API forgets what was not read: " + "; ".join(near))
    if unknown:
        causes.append("the status is not known: " + "; ".join(unknown))
    if near:
        raise AirflowFailException("; ".join(causes))
    if unknown:
        raise AirflowException("; ".join(causes))


def load_before(deadline: datetime | None) -> str:
    """The time before which the API still has everything that was not read."""
    if deadline is None:
        return "nothing has been read yet"
    return f"must be read completely before {deadline:%Y-%m-%d %H:%M} UTC"


def better_before(freezes_at: datetime) -> str:
    """The time at which the API forgets operations that were not read in their last day."""
    return f"better before {freezes_at:%Y-%m-%d %H:%M} UTC, when figures begin to freeze"


comms_load()
