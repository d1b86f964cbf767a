"""A report as one page of HTML, complete in itself.

`rendering` fills the template; `channels`, `headline` and `record` say what of a channel is shown.
"""
