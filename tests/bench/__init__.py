"""A benchmark of a first load, compared with other ways to read the same lists.

    python -m tests.bench --help

Every participant reads the same operations from a sandbox on this machine, in a new process for
each run. `participants` lists them, and `rounds` defines the order of the runs.
"""
