"""When what a machine remembers of a destination may be believed. Pure."""

from __future__ import annotations
