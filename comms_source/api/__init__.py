"""Requests to the Communications API: one client, its retries, its throttle, its pages."""
