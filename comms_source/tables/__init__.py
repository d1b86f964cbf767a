"""Pages become Arrow tables with one fixed schema per table. Pure."""
