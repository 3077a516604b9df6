"""Notification of a service manager about the server's state: systemd's Type=notify, one datagram for each change.

It knows nothing of jobs. Without NOTIFY_SOCKET in the environment it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def ready(status: str) -> None:
    """The server answers; `status` is one line that `systemctl status` shows."""
    _send(f"READY=1\nSTATUS={status}")


def stopping() -> None:
    """The server takes nothing more in, and ends when what it has is written."""
    _send("STOPPING=1")


@contextlib.contextmanager
def reloading() -> Iterator[None]:
    """Notify that configuration is read anew within the block."""
    _send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    yield
    _send("READY=1")


def _send(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # a name that is in no file system
        address = "\0" + address[1:]
    # A manager that does not listen is no reason to fail: what it waits for, it will miss by itself.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(state.encode(), address)
