"""Settings, credentials and accounts, and how dlt resolves them."""
