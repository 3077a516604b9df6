"""What else runs in the event loop of a server or a bridge: the dashboard, gearmand's HTTP protocol, or nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gearbridge.server.service import no_companions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gearbridge.bridge.daemon import Companions as BridgeCompanions
    from gearbridge.dashboard.serving import HttpConfig
    from gearbridge.server.service import Companions, Service


def server_companions(
    http: HttpConfig | None, host: str, http_port: int | None, say: Callable[[str], None]
) -> Companions:
    """Serve the dashboard configured in `http`, and gearmand's protocol on `host` and `http_port`; None serves none."""
    if http is None and http_port is None:
        return no_companions
    # Only here, so that a server without either neither loads nor needs any of it.
    from gearbridge.dashboard.app import server_application  # noqa: PLC0415
    from gearbridge.dashboard.cached_monitor import CachedMonitor  # noqa: PLC0415
    from gearbridge.dashboard.server_view import ServerView  # noqa: PLC0415
    from gearbridge.dashboard.serving import gearmand_served, served  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def entered(service: Service) -> AsyncIterator[None]:
        view = ServerView(service)
        async with contextlib.AsyncExitStack() as stack:
            if http is not None:
                board = CachedMonitor(view)
                await stack.enter_async_context(board.remembering())
                await stack.enter_async_context(served(server_application(board), http, say, service.connection_limit))
            if http_port is not None:
                await stack.enter_async_context(gearmand_served(view, host, http_port, say, service.connection_limit))
            yield

    return entered


def bridge_companions(http: HttpConfig | None, say: Callable[[str], None]) -> BridgeCompanions:
    """Serve a bridge's dashboard as configured in `http`; None serves none."""
    if http is None:
        return no_companions
    from gearbridge.dashboard.app import bridge_application  # noqa: PLC0415  as above
    from gearbridge.dashboard.bridge_view import BridgeView  # noqa: PLC0415
    from gearbridge.dashboard.serving import served  # noqa: PLC0415

    return lambda daemon: served(bridge_application(BridgeView(daemon)), http, say)
