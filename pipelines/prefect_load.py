"""Load every account every 15 minutes: a flow for Prefect 3, to copy and to change.

    python prefect_load.py

serves it. Each account is loaded by a task of its own. A task that fails does not stop the others,
and every task can be run again without harm. The settings are those of the commands, in the folder
that COMMS_PROJECT names or in the working directory. See docs/orchestrators.md.
"""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger, task
from prefect.states import State

from comms_source import ConfigurationError, CredentialsRefused, tasks

CRON = "*/15 * * * *"
RETRY_DELAYS = [30, 60, 120]
"""Seconds."""


class Incomplete(Exception):
    """Something could not be read; another try may read it."""


class IncompleteForGood(Exception):
    """Something is missing that another try would not bring."""


def may_help(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether another try may succeed."""
    error = state.result(raise_on_failure=False)
    return not isinstance(error, ConfigurationError | CredentialsRefused | IncompleteForGood)


@task(
    task_run_name="load-{account}",
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=may_help,
)
def load(account: str) -> dict[str, Any]:
    """Load one account, make the views, and fail if the load is incomplete."""
    summary = tasks.load(account)
    for line in summary.lines():
        get_run_logger().info(line)
    if summary.exit_code and summary.worth_retrying:
        raise Incomplete(f"account {account}: not all could be read; see the log")
    if summary.exit_code:
        raise IncompleteForGood(f"account {account}: incomplete; see the log")
    return summary.as_dict()


@flow(name="comms-load")
def comms_load() -> list[State[Any]]:
    """Load one account after the other; the flow fails if one of them is incomplete."""
    return [load(account, return_state=True) for account in tasks.accounts()]


if __name__ == "__main__":
    comms_load.serve(name="comms-load", cron=CRON, limit=1)
