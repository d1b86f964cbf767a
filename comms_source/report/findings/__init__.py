"""The conclusions that the report draws from the data. Pure."""
