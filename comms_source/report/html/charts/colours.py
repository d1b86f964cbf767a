"""The colours of the charts: variables of the page's style sheet, which has a dark scheme."""

from __future__ import annotations

from typing import Final

INK, MUTED, RULE = "var(--ink)", "var(--muted)", "var(--rule)"
FIRST, SECOND, THIRD = "var(--first)", "var(--second)", "var(--third)"
OTHER, PAPER = "var(--other)", "var(--paper)"
HEAT: Final = tuple(f"var(--heat-{step})" for step in range(1, 7))
