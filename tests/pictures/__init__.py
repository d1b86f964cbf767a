"""The pictures of the documentation, and how they are drawn."""
