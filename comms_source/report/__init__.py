"""A report on what was sent and what became of it: in the terminal, for machines, as a page.

`reading` asks the destination; everything else makes something of what it has read.
"""
