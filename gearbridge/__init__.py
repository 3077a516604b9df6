"""Gearman's polyglot workers, with your database as the queue: the names that a Python program needs.

`gearbridge.sqlite` is imported by itself. Importing this package loads the standard library only.
"""

from gearbridge.enqueue import enqueue, enqueue_async

from .client.aio_client import AsyncClient
from .client.aio_job import AsyncJob
from .client.aio_worker import AsyncWorker
from .client.client import Client, JobStatus
from .client.job import Job
from .client.tls import Tls
from .client.worker import Worker
from .errors import (
    ConfigurationError,
    ConnectionLost,
    GearbridgeError,
    JobError,
    JobException,
    JobFailed,
    ProtocolError,
    ReplyTimeout,
    ServerError,
    ServersUnreachable,
    StoreError,
    StoreUnavailable,
)
from .records import Priority
from .version import __version__

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "AsyncWorker",
    "Client",
    "ConfigurationError",
    "ConnectionLost",
    "GearbridgeError",
    "Job",
    "JobError",
    "JobException",
    "JobFailed",
    "JobStatus",
    "Priority",
    "ProtocolError",
    "ReplyTimeout",
    "ServerError",
    "ServersUnreachable",
    "StoreError",
    "StoreUnavailable",
    "Tls",
    "Worker",
    "__version__",
    "enqueue",
    "enqueue_async",
]
