"""Connecting from an event loop, for the client and the worker: what `connection` does for the blocking ones."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, TypeVar

from ..tls_files import reason
from .connection import Address, prepare

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

Made = TypeVar("Made", bound=asyncio.Protocol)


async def connect(
    address: Address, timeout: float, make: Callable[[socket.socket], Made], tls: ssl.SSLContext | None = None
) -> Made:
    """Connect within `timeout` seconds, over all addresses that the name has; with `tls` shake hands in that time.

    `make` makes the protocol. Raises OSError.
    """
    try:
        async with asyncio.timeout(timeout):
            raw = await _connect(address)
            host = None if tls is None else address.host
            try:
                _, made = await asyncio.get_running_loop().create_connection(
                    lambda: make(raw), sock=raw, ssl=tls, server_hostname=host
                )
            except BaseException:
                raw.close()
                raise
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {timeout:g} s") from error
    except OSError as error:
        raise ConnectionAbortedError(errno.ECONNABORTED, reason(error)) from error
    return made


async def _connect(address: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("the name has no address")
    try:
        found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"not a host name: {error}") from error
    for family, kind, protocol, _, target in found:
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.setblocking(False)
            await loop.sock_connect(candidate, target)
            prepare(candidate)
        except OSError as error:
            candidate.close()
            # asyncio's own text is "Connect call failed" for every error.
            failure = OSError(error.errno, os.strerror(error.errno)) if error.errno else error
        except BaseException:
            candidate.close()
            raise
        else:
            return candidate
    raise failure
