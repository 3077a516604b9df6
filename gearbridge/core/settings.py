"""What an operator may decide about how jobs are treated. The shell fills it in; the core only reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Settings:
    """Defaults are those of gearmand 2.0.0, except that texts are ours.

    handle_prefix: what every handle begins with; the job's number follows after a colon.
    first_number: the number of the first job. The shell hands in one that no earlier start can have reached.
    job_retries: after how many lost workers a job fails; -1 is never, 0 is at the first.
    worker_wakeup: how many sleeping workers a new job wakes; 0 is all of them.
    exceptions: every connection gets WORK_EXCEPTION without asking for it.
    allow_shutdown: the admin command `shutdown` is there.
    admin_from: the networks from which admin commands that change something are taken; None is from everywhere.
    window_jobs, window_bytes: how many stored jobs of each priority are kept in memory, and how much of their
        payloads; 0 is no limit.
    shared: other nodes have the same job table: all background jobs wait there, for the workers of any of them.
    version: what the admin command `version` answers.
    process_id: what the admin command `getpid` answers.
    log_level: what the admin command `verbose` answers.
    """

    handle_prefix: str = "H:localhost"
    first_number: int = 1
    job_retries: int = -1
    worker_wakeup: int = 0
    exceptions: bool = False
    allow_shutdown: bool = False
    admin_from: tuple[Network, ...] | None = None
    window_jobs: int = 0
    window_bytes: int = 0
    shared: bool = False
    version: str = "gearbridge"
    process_id: int = 0
    log_level: str = "INFO"
