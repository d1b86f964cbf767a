"""What was read, what is due, and what has expired unread. Pure."""
