"""A report as one self-contained HTML page.

`rendering` fills the template. `channels`, `headline` and `record` prepare the data of a channel.
"""
