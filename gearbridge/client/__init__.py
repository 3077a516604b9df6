"""Submitting jobs to Gearman servers and working for them: sessions that only know bytes, and their blocking shells.

What a client needs runs inside PostgreSQL too, all but the worker: standard library only, Python 3.9 and later.
"""
