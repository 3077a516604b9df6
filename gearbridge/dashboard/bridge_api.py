"""The JSON API of a bridge: its state, its job servers, and its functions, those with most claimed jobs first."""

from __future__ import annotations

import heapq
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from gearbridge.version import __version__

from .answers import page, store_told
from .text import shown

if TYPE_CHECKING:
    from starlette.requests import Request

    from .bridge_view import BridgeView


class BridgeApi:
    """The routes under /api, for one bridge."""

    def __init__(self, view: BridgeView) -> None:
        self._view = view
        self._began = time.time()

    def routes(self) -> list[Route]:
        return [
            Route("/api/overview", self.overview),
            Route("/api/functions", self.functions),
            Route("/api/servers", self.servers),
            Route("/api/dashboard", self.dashboard),
        ]

    async def overview(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._overview())

    async def functions(self, request: Request) -> JSONResponse:
        return JSONResponse(self._functions(request))

    async def servers(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._servers())

    async def dashboard(self, request: Request) -> JSONResponse:
        """All that the page shows, of one moment."""
        return JSONResponse(
            {"overview": self._overview(), "functions": self._functions(request), "servers": self._servers()}
        )

    def _overview(self) -> dict[str, Any]:
        view, store = self._view, self._view.store()
        return {
            "kind": view.kind,
            "version": __version__,
            "at": time.time(),
            "up": time.time() - self._began,
            "state": view.state(),
            "not_ready": view.not_ready(),
            "database": view.database,
            "follow": view.follow,
            "jobs": view.in_hand()._asdict(),
            **asdict(sum((tally for _, tally in view.functions()), view.forgotten())),
            "store": None if store is None else store_told(store),
        }

    def _functions(self, request: Request) -> dict[str, Any]:
        search, limit, offset = page(request)
        known = [(shown(name), tally) for name, tally in self._view.functions()]
        found = [one for one in known if search.lower() in one[0].lower()]
        best = heapq.nsmallest(offset + limit, found, key=lambda one: (-one[1].in_hand, -one[1].claimed, one[0]))
        rows = [{"name": name, **asdict(tally)} for name, tally in best[offset:]]
        return {"total": len(known), "matching": len(found), "offset": offset, "rows": rows}

    def _servers(self) -> dict[str, Any]:
        servers = self._view.servers()
        return {"total": len(servers), "rows": [one._asdict() for one in servers]}
