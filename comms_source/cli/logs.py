"""What the commands log: this project's warnings, or each step; of dlt's records a line each."""

from __future__ import annotations

import logging
import sys
from typing import TextIO


class FirstLine(logging.Filter):
    """Cuts records down to their first line, without a traceback.

    dlt logs the traceback of each try that failed, also of those that went well when it tried
    again. What ends a command is reported by the command.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record; none is dropped."""
        lines = record.getMessage().strip().splitlines() or [""]
        record.msg, record.args = lines[0], ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


_FIRST_LINE = FirstLine()


def set_up_logging(*, verbose: bool) -> None:
    """Log to standard error: warnings, or with `verbose` each step and all that dlt has to say."""
    handler = _StandardError()
    if not verbose:
        handler.addFilter(_is_news)
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[handler],
        force=True,
    )
    logging.getLogger("comms_source").setLevel(logging.INFO if verbose else logging.WARNING)
    dlts = logging.getLogger("dlt")
    dlts.removeFilter(_FIRST_LINE)
    if not verbose:
        dlts.addFilter(_FIRST_LINE)


class _StandardError(logging.StreamHandler[TextIO]):
    """Logs to standard error as it is at that time: progress bars replace it, to make room."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the summary of the run will not say it too; a command says it once."""
    return not getattr(record, "in_summary", False)
