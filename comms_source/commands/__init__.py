"""What the commands do, without a terminal: `commands/x.py` is what `cli/x.py` calls."""
