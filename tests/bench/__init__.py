"""Benchmarks: each prints ratios to a peer, or to another state of the same thing, of one run."""

from gearbridge.server.config import ServerConfig

#: What is printed beside rates of jobs out.
DRAINED_WITH = f"Jobs are worked off with --unsettled {ServerConfig().unsettled}, the default."
