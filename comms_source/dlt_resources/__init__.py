"""The resources of a load package: what dlt pulls, and into which table it puts it."""
