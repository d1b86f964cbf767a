"""What the report concludes from the data. Pure."""
