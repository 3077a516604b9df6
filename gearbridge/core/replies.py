"""Packets that several parts of the core send: JOB_CREATED, and those to all clients of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.records import MAX_HANDLE
from gearbridge.wire import commands
from gearbridge.wire.packets import HEADER_SIZE, response

if TYPE_CHECKING:
    from .jobs import Job


#: Headers of JOB_CREATED by the handle's length: one is sent for each submit, so none is packed twice.
created_headers = [response(commands.JOB_CREATED, bytes(size))[:HEADER_SIZE] for size in range(MAX_HANDLE + 1)]


def created(handle: bytes) -> bytes:
    """JOB_CREATED."""
    return created_headers[len(handle)] + handle


def send_to_clients(job: Job, packet: bytes) -> None:
    """Send a packet to every client that waits for the job."""
    if job.clients:
        for client in job.clients:
            client.send(packet)
