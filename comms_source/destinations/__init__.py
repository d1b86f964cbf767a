"""Everything that reads from or writes to a destination, through dlt."""
