"""Connections to databases: URLs, sessions, watchdog, errors. Knows no jobs."""
