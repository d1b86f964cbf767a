"""The error that stops a benchmark, with a message for its user."""

from __future__ import annotations


class BenchError(Exception):
    """The benchmark cannot continue; the message says what to do."""
