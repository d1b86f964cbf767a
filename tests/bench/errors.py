"""What keeps a benchmark from being run, said in a sentence for whoever runs it."""

from __future__ import annotations


class BenchError(Exception):
    """The benchmark cannot go on; the message says what to do."""
