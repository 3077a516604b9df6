"""Ownership of a job table: by one server, or by nodes with leases."""
