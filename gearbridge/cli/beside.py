"""What runs in a server's event loop beside it: the dashboard, gearmand's HTTP protocol, both or neither."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gearbridge.server.service import nothing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gearbridge.dashboard.serving import HttpConfig
    from gearbridge.server.service import Beside, Service


def beside(http: HttpConfig | None, host: str, http_port: int | None, say: Callable[[str], None]) -> Beside:
    """The dashboard as `http` says, and gearmand's protocol on `host` and `http_port`; None is none of it."""
    if http is None and http_port is None:
        return nothing
    # Only here, so that a server without either neither loads nor needs any of it.
    from gearbridge.dashboard.server_view import ServerView  # noqa: PLC0415
    from gearbridge.dashboard.serving import gearmand_served, served  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def entered(service: Service) -> AsyncIterator[None]:
        view = ServerView(service)
        async with contextlib.AsyncExitStack() as stack:
            if http is not None:
                await stack.enter_async_context(served(view, http, say))
            if http_port is not None:
                await stack.enter_async_context(gearmand_served(view, host, http_port, say))
            yield

    return entered
