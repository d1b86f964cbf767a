"""Translates dlt's exceptions into this project's errors, which say what to do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, ParamSpec, TypeVar

from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import DestinationException
from dlt.destinations.exceptions import DatabaseUndefinedRelation, DestinationConnectionError
from dlt.pipeline.exceptions import PipelineStepFailed

from comms_source.config.explain import explained
from comms_source.config.waits import max_lock_wait
from comms_source.destinations.driver_errors import driver_errors, place_of
from comms_source.destinations.duckdb_file import explain_duckdb
from comms_source.errors import (
    CommsSourceError,
    DestinationUnreachable,
    LoadFailed,
    PipelineBusy,
)

logger = logging.getLogger("comms_source")


@contextmanager
def translate_dlt_errors() -> Iterator[None]:
    """Turn dlt's exceptions into this project's errors, which say what to do.

    Raises:
        CommsSourceError: the original error, if a resource raised it.
        ConfigurationError: if dlt lacks a setting.
        PipelineBusy: if another process has the DuckDB file locked.
        DestinationUnreachable: if no connection can be opened.
        LoadFailed: for all other errors of the destination.
    """
    try:
        yield
    except CommsSourceError:
        raise
    except _errors() as error:
        own = _own_error(error)
        if own:
            raise own from None
        raise _explain(error) from error
    except ConfigurationException as error:
        raise explained(error) from None


def _errors() -> tuple[type[Exception], ...]:
    """What dlt raises, and what it lets through; drivers are imported when they are used."""
    return (PipelineStepFailed, DestinationException, *driver_errors())


def _own_error(error: BaseException | None) -> CommsSourceError | None:
    """This project's error among the causes of dlt's error."""
    while error is not None:
        if isinstance(error, CommsSourceError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _explain(error: Exception) -> CommsSourceError:
    if isinstance(error, OSError):
        why = error.strerror or root_message(error)
        return LoadFailed(f"{error.filename or 'the destination'} cannot be used: {why}")
    if known := explain_duckdb(str(error)):
        return known
    if isinstance(error, (DestinationConnectionError, *driver_errors())):
        cause = error.inner_exc if isinstance(error, DestinationConnectionError) else error
        return DestinationUnreachable(
            f"{place_of(cause)} cannot be used: {root_message(cause)}; check that it is running, "
            "and the address and credentials in the destination's settings"
        )
    if isinstance(error, DatabaseUndefinedRelation):
        return LoadFailed(
            f"a table or view is missing ({root_message(error)}); "
            "comms load creates what is missing"
        )
    step = f" (dlt step: {error.step})" if isinstance(error, PipelineStepFailed) else ""
    return LoadFailed(f"the destination rejected the data{step}: {root_message(error)}")


def root_message(error: BaseException) -> str:
    """The first line of what the innermost cause of an error says."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


SECONDS_BETWEEN_TRIES: Final = 0.5


P = ParamSpec("P")


T = TypeVar("T")


def retry_while_locked(action: Callable[P, T]) -> Callable[P, T]:
    """`action`, retried while its destination is locked, for `max_lock_wait`."""

    def with_retries(*arguments: P.args, **named: P.kwargs) -> T:
        # The time before the first failure, such as for reading the API, does not count.
        first_failed: float | None = None
        while True:
            try:
                with translate_dlt_errors():
                    return action(*arguments, **named)
            except PipelineBusy as busy:
                now = time.monotonic()
                first_failed = now if first_failed is None else first_failed
                if busy.waited or now >= first_failed + max_lock_wait():
                    raise
                logger.info("waiting: %s", busy)
            time.sleep(SECONDS_BETWEEN_TRIES)

    return with_retries
