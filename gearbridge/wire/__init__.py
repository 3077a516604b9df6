"""The Gearman protocol: bytes on one side, `(command, args)` on the other. No socket, no clock, no state of jobs.

Runs inside PostgreSQL too: standard library only, Python 3.9 and later.
"""
