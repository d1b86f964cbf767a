"""Everything that writes to a destination, or asks it, through dlt."""
