"""Submitting jobs to Gearman servers and working for them: sessions that only know bytes, and their blocking shells.

`session`, `connection`, `links` and `client` run inside PostgreSQL too: standard library only, Python 3.9 and later.
"""
