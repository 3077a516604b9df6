"""Finding a TCP port for a server that is about to start, for the demo and the tests."""

from __future__ import annotations

import contextlib
import random
import socket

from .errors import ConfigurationError

# Below the ports of outgoing connections (Linux: from 32768 on), one of which could take ours while a server restarts.
_PORTS = range(20000, 32000)


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens now; another program may take it before its server does.

    Raises ConfigurationError where none is found.
    """
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise ConfigurationError("no free port found on 127.0.0.1")
