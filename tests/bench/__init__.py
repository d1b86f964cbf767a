"""How long a first load takes, beside other ways to read the same lists.

    python -m tests.bench --help

Every participant reads the same operations from a sandbox on this machine, in a process started
anew for each run. See `participants` for who takes part and `rounds` for the order of the runs.
"""
