"""The charts of a report: Altair describes them, vl-convert draws them, `drawing` cleans them.

Their colours are names of the page's style, so that one drawing serves light, dark and paper.
"""
