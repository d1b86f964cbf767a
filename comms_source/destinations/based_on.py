"""Which state of a pipeline a load package came from: written into it, read when it is loaded."""

from __future__ import annotations
