"""Packets that several parts of the core send: that a job was created, and what all its clients are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.wire import commands
from gearbridge.wire.packets import HEADER_SIZE, response

if TYPE_CHECKING:
    from .jobs import Job

_CREATED_HEADERS: dict[int, bytes] = {}  # by the handle's length


def created(handle: bytes) -> bytes:
    """JOB_CREATED. One for each submit, so the headers are made once: handles are nearly all of one length."""
    size = len(handle)
    header = _CREATED_HEADERS.get(size)
    if header is None:
        header = _CREATED_HEADERS[size] = response(commands.JOB_CREATED, handle)[:HEADER_SIZE]
    return header + handle


def tell(job: Job, packet: bytes) -> None:
    """Send a packet to every client that waits for the job."""
    if job.clients:
        for client in job.clients:
            client.send(packet)
