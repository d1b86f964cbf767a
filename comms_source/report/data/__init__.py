"""What the report reads from the views."""
