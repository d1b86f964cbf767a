"""The dlt source: its settings are its arguments, its resources are those of one load package.

A channel's history is a transformer of its operations. The bookkeeping of all channels is one
resource that waits until they are read, with a transformer for each of its tables; so rows, state
and bookkeeping are in one load package, and dlt commits them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import dlt
from dlt.common.typing import TAnyDateTime, TSecretStrValue
from dlt.extract import DltResource

from comms_source.channels import CHANNELS
from comms_source.config.resolve import (
    CommsSourceConfiguration,
    TwilioCredentials,
    make_settings,
    parse_date,
)
from comms_source.config.settings import (
    BASE_URL,
    COMMIT_PAGES,
    CONCURRENCY,
    DETAILS_REQUESTS,
    ERRORS_PER_OPERATION,
    MAX_API_WAIT,
    PAGE_SIZE,
    PII,
    REFRESH,
    REFRESH_RATIO,
    RETENTION,
    TIMEOUT,
    WINDOW,
)
from comms_source.dlt_resources.load_packages import operation_resources
from comms_source.errors import ConfigurationError
from comms_source.extract.parallel_scans import OnError
from comms_source.extract.session import Session


@dlt.source(name="comms_source", section="comms_source", spec=CommsSourceConfiguration)
def comms_source(
    credentials: TwilioCredentials = dlt.secrets.value,
    base_url: str = BASE_URL,
    account: str = "default",
    channels: Sequence[str] = tuple(CHANNELS),
    page_size: int = PAGE_SIZE,
    concurrency: int = CONCURRENCY,
    requests_per_second: Optional[float] = None,  # noqa: UP045 - dlt reads the annotation
    retention: str = RETENTION,
    window: str = WINDOW,
    refresh: str = REFRESH,
    refresh_ratio: float = REFRESH_RATIO,
    commit_pages: int = COMMIT_PAGES,
    timeout: str = TIMEOUT,
    max_api_wait: str = MAX_API_WAIT,
    history: bool = True,
    allow_duplicates: bool = False,
    details: Sequence[str] = (),
    details_requests: int = DETAILS_REQUESTS,
    errors_per_operation: int = ERRORS_PER_OPERATION,
    pii: str = PII,
    pii_key: Optional[TSecretStrValue] = None,  # noqa: UP045
    start_date: Optional[TAnyDateTime] = None,  # noqa: UP045
    end_date: Optional[TAnyDateTime] = None,  # noqa: UP045
    on_error: str = "raise",
) -> Sequence[DltResource]:
    """The operations of every channel, their histories, and the bookkeeping: a resource a table.

    Building the source sends no request. Every argument is a dlt setting as well, in the section
    `sources.comms_source`.

    Args:
        credentials: A `TwilioCredentials`, or a mapping with its fields.
        base_url: The API's address, its version included.
        account: A label that every row carries, to tell accounts apart in one warehouse.
        channels: Which channels to read, of `messages`, `emails` and `push_notifications`.
        page_size: Operations on a page, 1 to 1000.
        concurrency: Requests under way at once, over all channels, 1 to 64.
        requests_per_second: A cap on requests that start in a second; none by default.
        retention: For how long after creation the API answers for an operation.
        window: The width of the slices of creation time that coverage is kept for.
        refresh: `adaptive`: read what is due. `full`: read all that the API answers for.
        refresh_ratio: Read a window again before its rows are staler than this share of their age.
        commit_pages: After how many pages the commands commit what they have read; a pipeline run
            of yours commits once.
        timeout: How long one answer may take.
        max_api_wait: How long one request may, in sum, be made to wait by a busy API.
        history: Keep each state of an operation that was seen, in a table beside the operations.
        allow_duplicates: Also load into destinations that cannot merge, such as a sink of yours;
            an operation that is read again is then there again.
        details: What to read of the resources behind the counters, of `tags`, `resources` and
            `errors`; nothing by default.
        details_requests: How many requests for details a run may send, 1 or more; repetitions of a
            request do not count.
        errors_per_operation: Of how many failed messages of an operation the attempts are read,
            and of how many resources with several recipients the receipts; 1 to 1000.
        pii: What becomes of people's addresses: `drop`, `hash` (a digest with `pii_key`) or `keep`.
        pii_key: The secret key of `hash`.
        start_date: Read nothing created before, ISO 8601; by default all that is kept.
        end_date: Read operations created before then, and leave no state: a backfill. It goes with
            a `start_date`.
        on_error: `raise`: any failure fails the extract. `continue`: what can be read is loaded,
            and a failed scan or a refused channel is logged.

    Returns:
        `message_operations`, `email_operations`, `push_notification_operations`; a transformer of
        each for its history; and `bookkeeping`, which is not selected, with a transformer for each
        of `rejected_operations`, `acknowledged_rejections`, `coverage`, `gaps`,
        `followed_operations`, `runs` and `operation_labels`. With `details` also `details`, which
        is not selected, with a transformer for each of `messages`, `emails`, `push_notifications`,
        `operation_tags`, `message_attempts`, `operation_errors` and `operation_details`.

    Raises:
        ConfigurationError: if a setting is missing, wrong or unsafe.
    """
    settings = make_settings(
        credentials=credentials.chosen(),
        base_url=base_url,
        account=account,
        channels=channels,
        page_size=page_size,
        concurrency=concurrency,
        requests_per_second=requests_per_second,
        retention=retention,
        window=window,
        refresh=refresh,
        refresh_ratio=refresh_ratio,
        commit_pages=commit_pages,
        timeout=timeout,
        max_api_wait=max_api_wait,
        history=history,
        allow_duplicates=allow_duplicates,
        details=details,
        details_requests=details_requests,
        errors_per_operation=errors_per_operation,
        pii=pii,
        pii_key=pii_key,
    )
    return operation_resources(
        Session(settings=settings),
        start=None if start_date is None else parse_date("start_date", start_date),
        end=None if end_date is None else parse_date("end_date", end_date),
        on_error=_on_error(on_error),
    )


def _on_error(value: str) -> OnError:
    if value == "raise":
        return "raise"
    if value == "continue":
        return "continue"
    raise ConfigurationError(f"on_error: expected 'raise' or 'continue', got {value!r}")
