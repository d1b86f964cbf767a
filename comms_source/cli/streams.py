"""Standard output and error that never end a command: closed, full, or of a small character set.

What a command prints comes after what it did. If it cannot be printed, that is reported once, and
the exit code stays what the command's work came to.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_PLAIN: Final = {
    "\N{EN DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{MIDDLE DOT}": "-",
}


class LenientOutput(io.TextIOWrapper):
    """A text stream that goes silent when it can no longer be written to."""

    is_broken = False

    def write(self, text: str) -> int:
        """Write, or drop the text."""
        if not self.is_broken:
            try:
                super().write(text)
            except OSError as error:
                self._go_silent(error)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what is left."""
        if not self.is_broken and not self.closed:
            try:
                super().flush()
            except OSError as error:
                self._go_silent(error)

    def _go_silent(self, error: OSError) -> None:
        self.is_broken = True
        # What is still in the buffer goes nowhere when Python flushes it at the end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError) and sys.stderr is not self:
            sys.stderr.write(f"comms: the output could not be written ({error.strerror})\n")


def plain_characters(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks: dashes and dots by their ASCII form, others by `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lacking), error.end


@contextmanager
def lenient_output() -> Iterator[None]:
    """Have standard output and error never end the command."""
    codecs.register_error("comms", plain_characters)
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_lenient, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, LenientOutput):
                stream.flush()
                stream.detach()
        sys.stdout, sys.stderr = before


def _lenient(stream: TextIO | None) -> TextIO:
    if stream is None:  # It was closed before.
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for the process
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # Somebody captures the output.
    return LenientOutput(
        stream.buffer, encoding=stream.encoding, errors="comms", line_buffering=stream.isatty()
    )
