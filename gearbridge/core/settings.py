"""What an operator may decide about how jobs are treated. The shell fills it in; the core only reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from .retry_rules import RetryRule

    Network = IPv4Network | IPv6Network

#: Functions known before unused ones are forgotten.
FORGET_AT = 10_000


@dataclass(frozen=True)
class Settings:
    """Defaults are those of gearmand 2.0.0, except that texts are ours.

    handle_prefix: what every handle begins with; the job's number follows after a colon.
    life: digits that every number begins with, the same number of them in each process. The shell draws them at random,
        so that no other process ever gives the same handle.
    first_number: what follows them for the first job.
    job_retries: after how many lost workers a job fails; -1 is never, 0 is at the first.
    retry_rules: of which functions a failed background job is tried again, and how often; jobs that SQL enqueued have
        their own number.
    worker_wakeup: how many sleeping workers a new job wakes; 0 is all of them.
    exceptions: every connection gets WORK_EXCEPTION without asking for it.
    allow_shutdown: the admin command `shutdown` is there.
    admin_from: the networks from which admin commands that change something are taken; None is from everywhere.
    window_jobs, window_bytes: how many stored jobs of each priority are kept in memory, and how much of their
        payloads; 0 is no limit.
    unsettled: how many settlements of jobs may be unwritten before workers wait for the store; 0: each worker waits for
        its own. No more than those of 0.2 s are, either.
    store_patience: seconds that a background submit waits for its commit, before it is refused.
    most_names: bytes that known functions may take, about; over it no new ones are taken from peers.
    shared: other nodes have the same job table: all background jobs wait there, for the workers of any of them.
    version: what the admin command `version` answers.
    process_id: what the admin command `getpid` answers.
    log_level: what the admin command `verbose` answers.
    """

    handle_prefix: str = "H:localhost"
    life: str = ""
    first_number: int = 1
    job_retries: int = -1
    retry_rules: tuple[RetryRule, ...] = ()
    worker_wakeup: int = 0
    exceptions: bool = False
    allow_shutdown: bool = False
    admin_from: tuple[Network, ...] | None = None
    window_jobs: int = 0
    window_bytes: int = 0
    unsettled: int = 1000
    store_patience: float = math.inf
    most_names: float = math.inf
    shared: bool = False
    version: str = "gearbridge"
    process_id: int = 0
    log_level: str = "INFO"

    def may_change(self, address: str) -> bool:
        """Return whether a command that changes something is accepted from this address, by `admin_from`."""
        if self.admin_from is None:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped  # as a socket for both families shows it
        return any(parsed in network for network in self.admin_from)
