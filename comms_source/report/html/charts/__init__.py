"""The charts of a report: Altair specifies them, vl-convert renders them, `drawing` sanitizes them.

Their colours are CSS variables of the page, so that one drawing works in light mode, dark mode and
print.
"""
