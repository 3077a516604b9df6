"""The job table in an SQLite file."""
