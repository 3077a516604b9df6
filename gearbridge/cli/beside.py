"""What runs beside a server or a bridge, in its event loop: the dashboard, gearmand's HTTP protocol, or nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gearbridge.server.service import nothing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gearbridge.bridge.daemon import Beside as BesideBridge
    from gearbridge.dashboard.serving import HttpConfig
    from gearbridge.server.service import Beside, Service


def beside(http: HttpConfig | None, host: str, http_port: int | None, say: Callable[[str], None]) -> Beside:
    """The dashboard as `http` says, and gearmand's protocol on `host` and `http_port`; None is none of it."""
    if http is None and http_port is None:
        return nothing
    # Only here, so that a server without either neither loads nor needs any of it.
    from gearbridge.dashboard.app import server_application  # noqa: PLC0415
    from gearbridge.dashboard.board import Board  # noqa: PLC0415
    from gearbridge.dashboard.server_view import ServerView  # noqa: PLC0415
    from gearbridge.dashboard.serving import gearmand_served, served  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def entered(service: Service) -> AsyncIterator[None]:
        view = ServerView(service)
        async with contextlib.AsyncExitStack() as stack:
            if http is not None:
                board = Board(view)
                await stack.enter_async_context(board.remembering())
                await stack.enter_async_context(served(server_application(board), http, say))
            if http_port is not None:
                await stack.enter_async_context(gearmand_served(view, host, http_port, say))
            yield

    return entered


def beside_bridge(http: HttpConfig | None, say: Callable[[str], None]) -> BesideBridge:
    """A bridge's dashboard as `http` says; None is none."""
    if http is None:
        return nothing
    from gearbridge.dashboard.app import bridge_application  # noqa: PLC0415  as above
    from gearbridge.dashboard.bridge_view import BridgeView  # noqa: PLC0415
    from gearbridge.dashboard.serving import served  # noqa: PLC0415

    return lambda daemon: served(bridge_application(BridgeView(daemon)), http, say)
