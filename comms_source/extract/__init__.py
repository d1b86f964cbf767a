"""One run on one channel: scans in parallel, lookups by id, and what a run counts."""
