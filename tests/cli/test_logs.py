"""What is logged: one line for each thing, unless every step is wanted."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from comms_source.cli.logs import set_up_logging


@pytest.fixture
def dlts() -> Iterator[logging.Logger]:
    """The logger of dlt, as it is before and after."""
    logger = logging.getLogger("dlt")
    yield logger
    set_up_logging(verbose=True)


@pytest.mark.parametrize("verbose", [False, True])
def test_a_traceback_of_dlt_is_a_line(verbose: bool, dlts: logging.Logger) -> None:
    """A try that failed and went well the second time is no reason for a page of code."""
    set_up_logging(verbose=verbose)
    logged: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = logged.append  # type: ignore[assignment,method-assign]
    dlts.addHandler(handler)
    try:
        raise ValueError("the words of the job")  # noqa: TRY301 - as a job does
    except ValueError:
        dlts.exception("Temporary problem when adding job %s\nTraceback:\n  File", "x.parquet")
    finally:
        dlts.removeHandler(handler)

    (record,) = logged
    shown = logging.Formatter("%(message)s").format(record)
    assert shown.startswith("Temporary problem when adding job x.parquet")
    assert ("Traceback" in shown) == verbose
