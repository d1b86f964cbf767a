"""A report on what was sent and what happened to it: in the terminal, as JSON, as an HTML page.

`data` reads the destination, `findings` draws conclusions, and the other modules show them.
"""
