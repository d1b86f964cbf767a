"""The SQL views: their files, settings and dialects, and how they are created."""
