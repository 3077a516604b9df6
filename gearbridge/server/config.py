"""A job server's settings, each described once; the command line reads its help from here."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.persistence.retention import KEEP_DONE, KEEP_FAILED
from gearbridge.records import ENQUEUED
from gearbridge.wire.parser import MAX_PACKET

if TYPE_CHECKING:
    from gearbridge.core.retry_rules import RetryRule

#: Gearman's registered port.
PORT = 4730


#: Longest prefix of handles, in bytes. Gearman's libraries hold 63; a colon and the number take up to 32 of them.
MAX_PREFIX = 31
_HASH_LENGTH = 8

#: Schemes of the stores whose job table several nodes can have.
SHAREABLE = frozenset({"postgresql", "postgres", "mysql", "mariadb"})


@dataclass(frozen=True)
class ServerConfig:
    """Sizes are in bytes.

    listen: host name or address to listen on; every address the name has is used. Empty is all interfaces.
    port: TCP port; 0 picks a free port and prints it.
    store: URL of the store; `memory:` keeps jobs in memory only.
    unsettled: how many jobs that workers finished may be unwritten before workers wait for the store; 0: each worker
        gets its next job when the end of its last one is durable.
    store_patience: seconds that a background submit waits for its commit, before it is refused.
    require_synchronous: whether a job is acknowledged only where PostgreSQL waited for a synchronous standby.
    keep_done, keep_failed: days for which the store keeps what is finished: what SQL enqueued with its result, where
        that was asked for, and what failed for good, if SQL enqueued it or a rule of `retry` is for it; -1 is for ever.
    window, window_bytes: how many background jobs of each priority are kept in memory, and how much of their payloads,
        where the store is a job table; those beyond wait there until workers come to them. 0 is no limit;
        otherwise the payloads have at most a quarter of `memory`.
    node: this server's name, part of every handle; the host's name by default. Where it is given and the store is a
        PostgreSQL or MySQL, other nodes may have the same job table.
    lease: seconds after which a node that is not heard of has lost what it has claimed; others take it over then.
    job_handle_prefix: what handles begin with, instead of "H:" and the node; at most MAX_PREFIX bytes.
    job_retries: after how many lost workers a job fails; -1 is never.
    retry: of which functions a failed background job is tried again, and how often in all; the first rule that matches
        counts. Jobs that SQL enqueued have their own number.
    worker_wakeup: how many sleeping workers a new job wakes; 0 is all of them.
    exceptions: send WORK_EXCEPTION to every client, asked for or not.
    allow_shutdown: let the admin command `shutdown` end the server, for whoever can connect.
    admin_from: networks from which admin commands that change something are taken, with commas; '' is everywhere, and
        none is nowhere.
    memory: how much memory the server may take; over it what is largest is dropped or refused. 0 is three quarters of
        what the machine, its container or ulimit has.
    max_packet: largest packet taken.
    max_outbox: how much may wait for a connection before it is not read from. 0 is twice the largest packet.
    max_journal: how much may wait for the store; over it connections that submit are not read from. It is at most an
        eighth of `memory`.
    max_connections: how many may be open at once; 0 is as many as the system's limit of open files leaves room for.
    packet_timeout: seconds that a packet which has begun may stand still before its connection is closed; and for a
        quarter of it a connection may read nothing of what others are held back for. 0 is never.
    idle_timeout: seconds after which a connection is closed that says nothing, runs no job, waits for none and is no
        sleeping worker; 0 is never.
    stop_patience: seconds for which a graceful stop lets clients that are connected go on submitting.
    backlog: how many connections the system may hold before they are accepted.
    keepalive: have the system ask silent connections whether they are still there, so that a dead one is noticed.
    keepalive_idle, keepalive_interval: seconds until it asks first, and again; -1 is the system's own.
    keepalive_count: after how many questions without an answer a connection is dead; -1 is the system's own.
    ssl_certificate: file with the server's certificate, and those that lead to its authority; '' is no TLS.
    ssl_key: file with its private key; '' is the certificate's own file.
    ssl_ca_file: file with the authorities that sign clients' certificates.
    ssl_client_certificate: whether clients show one: none, optional or required.
    ssl_handshake_timeout: seconds that a connection has to finish its TLS handshake.
    """

    listen: str = "localhost"
    port: int = PORT
    store: str = "memory:"
    unsettled: int = 1000
    store_patience: float = 10.0
    require_synchronous: bool = False
    keep_done: float = KEEP_DONE
    keep_failed: float = KEEP_FAILED
    window: int = 100_000
    window_bytes: int = 128 * 1024 * 1024
    node: str = ""
    lease: float = 3.0
    job_handle_prefix: str = ""
    job_retries: int = -1
    retry: tuple[RetryRule, ...] = ()
    worker_wakeup: int = 0
    exceptions: bool = False
    allow_shutdown: bool = False
    admin_from: str = ""
    memory: int = 0
    max_packet: int = MAX_PACKET
    max_outbox: int = 0
    max_journal: int = MAX_PACKET
    max_connections: int = 0
    packet_timeout: float = 60.0
    idle_timeout: float = 0.0
    stop_patience: float = 10.0
    backlog: int = 1024
    keepalive: bool = False
    keepalive_idle: int = -1
    keepalive_interval: int = -1
    keepalive_count: int = -1
    ssl_certificate: str = ""
    ssl_key: str = ""
    ssl_ca_file: str = ""
    ssl_client_certificate: str = "none"
    ssl_handshake_timeout: float = 10.0

    def is_shared(self) -> bool:
        """Whether the store's job table is shared with other nodes."""
        return bool(self.node) and self.store.partition(":")[0].lower() in SHAREABLE

    def outbox_limit(self) -> int:
        """Return how many bytes may wait for one connection."""
        return self.max_outbox or 2 * self.max_packet

    def prefix(self) -> str:
        """Return what every handle begins with: printable ASCII, at most MAX_PREFIX bytes.

        A node's name that is too long is given by its beginning and a hash of the whole. Raises ConfigurationError for
        a --job-handle-prefix that is too long, or that the handles of jobs of SQL begin with.
        """
        name = self.job_handle_prefix or f"H:{self.node or os.uname().nodename}"
        prefix = _printable(name)
        if f"{prefix}:".startswith(ENQUEUED.decode()):
            raise ConfigurationError("handles that begin with S: are those of jobs that SQL enqueued; choose another")
        if len(prefix) <= MAX_PREFIX:
            return prefix
        if self.job_handle_prefix:
            raise ConfigurationError(
                f"--job-handle-prefix has {len(prefix)} bytes; at most {MAX_PREFIX} leave room for the job's number "
                "in a handle, which Gearman's libraries limit to 63 bytes"
            )
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_LENGTH]
        return f"{prefix[: MAX_PREFIX - _HASH_LENGTH - 1]}~{digest}"


def _printable(text: str) -> str:
    """Replace what has no place in a handle, which is a word of the text protocol, too."""
    return re.sub(r"[^!-~]", lambda found: "_" if found[0] == " " else "?", text)
