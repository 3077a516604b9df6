"""The JSON API of a bridge: its state, its job servers, and its functions, those with most jobs first."""

from __future__ import annotations

import heapq
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from gearbridge.bridge.tally import Tally
from gearbridge.version import __version__

from .answers import page, store_told
from .bridge_view import WaitingSnapshot, sum_of
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
            **sum_of(view.waiting().values())._asdict(),
            "counted": view.counted(),
            **asdict(sum((tally for _, tally in view.functions()), view.forgotten())),
            "store": None if store is None else store_told(store),
        }

    def _functions(self, request: Request) -> dict[str, Any]:
        search, limit, offset = page(request)
        waiting = self._view.waiting()
        tallies = {name: Tally() for name in waiting} | dict(self._view.functions())
        known = [(shown(name), tally, waiting.get(name, WaitingSnapshot())) for name, tally in tallies.items()]
        found = [one for one in known if search.lower() in one[0].lower()]
        best = heapq.nsmallest(offset + limit, found, key=_rank)
        rows = [{"name": name, **rows._asdict(), **asdict(tally)} for name, tally, rows in best[offset:]]
        return {"total": len(known), "matching": len(found), "offset": offset, "rows": rows}

    def _servers(self) -> dict[str, Any]:
        servers = self._view.servers()
        return {"total": len(servers), "rows": [one._asdict() for one in servers]}


def _rank(one: tuple[str, Tally, WaitingSnapshot]) -> tuple[int, int, str]:
    name, tally, waiting = one
    return -(tally.in_hand + waiting.waiting + waiting.scheduled), -tally.claimed, name
