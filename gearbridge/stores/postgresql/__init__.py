"""The job table in PostgreSQL."""
