"""The problems that the report finds over weeks of loads, with and without troubles."""
