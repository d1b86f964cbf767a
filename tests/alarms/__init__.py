"""What the report finds wrong on an account that is loaded for weeks, with and without troubles."""
