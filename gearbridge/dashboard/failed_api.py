"""The JSON API of failed jobs that the job table keeps: list, look into, retry, discard; one, or all that match.

Rules of this file:
1. The store is asked in the committer's thread, in turn with commit groups; one call takes MOST_AT_ONCE jobs at most.
2. What was retried or discarded elsewhere is left alone, and is not counted.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Route

from gearbridge.errors import StoreError
from gearbridge.persistence.store_call import ask
from gearbridge.records import PRIORITIES, FailedQuery
from gearbridge.stores.failed_jobs import discard, find, look, retry
from gearbridge.stores.interface import TransactingStore
from gearbridge.traceparent import split_trace

from .answers import MOST_ROWS, number
from .text import octets, payload_in, shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Connection
    from starlette.requests import Request

    from gearbridge.persistence.store_thread import Committer
    from gearbridge.records import FailedJob

_T = TypeVar("_T")

#: Jobs that one request retries or discards.
MOST_AT_ONCE = 1000
#: Parameters of a search.
_PARAMETERS = frozenset({"function", "unique_key", "error", "payload", "since", "until", "after", "limit"})


class FailedApi:
    """The routes under /api/failed. `may_change` says whether commands that change something are taken from an address.

    `body_of` reads a request's body.
    """

    def __init__(
        self,
        committer: Committer,
        may_change: Callable[[str], bool],
        body_of: Callable[[Request], Awaitable[bytes]],
    ) -> None:
        self._committer = committer
        self._may_change = may_change
        self._body_of = body_of

    def routes(self) -> list[Route]:
        return [
            Route("/api/failed", self.list),
            Route("/api/failed/retry", self.retry_all, methods=["POST"]),
            Route("/api/failed/discard", self.discard_all, methods=["POST"]),
            Route("/api/failed/{handle:path}/retry", self.retry_one, methods=["POST"]),
            Route("/api/failed/{handle:path}/discard", self.discard_one, methods=["POST"]),
            Route("/api/failed/{handle:path}", self.one),
        ]

    async def list(self, request: Request) -> JSONResponse:
        limit = max(1, number(request, "limit", 50, MOST_ROWS))
        found = await self._transact(partial(find, query=_query(request), at_most=limit))
        more = len(found) == limit
        return JSONResponse(
            {
                "rows": [_row(one) for one in found],
                "next": {"until": found[-1].finished, "after": shown(found[-1].handle)} if more else None,
            }
        )

    async def one(self, request: Request) -> JSONResponse:
        found = await self._transact(partial(look, handle=_handle(request)))
        if found is None:
            raise HTTPException(404, "no failed job of this handle is kept")
        job, payload = found
        return JSONResponse(
            {**_row(job), "payload": shown(payload), "payload_base64": base64.b64encode(payload).decode()}
        )

    async def retry_one(self, request: Request) -> JSONResponse:
        self._demand(request)
        payload = _payload(await self._body_of(request))
        handle = _handle(request)
        if not await self._transact(partial(retry, handles=[handle], payload=payload)):
            if await self._transact(partial(look, handle=handle)) is not None:
                raise HTTPException(409, "another unfinished job has its unique key")
            raise HTTPException(404, "no failed job of this handle is kept")
        return JSONResponse({"retried": 1}, 202)

    async def discard_one(self, request: Request) -> JSONResponse:
        self._demand(request)
        if not await self._transact(partial(discard, handles=[_handle(request)])):
            raise HTTPException(404, "no failed job of this handle is kept")
        return JSONResponse({"discarded": 1})

    async def retry_all(self, request: Request) -> JSONResponse:
        return JSONResponse({"retried": await self._all(request, retry)}, 202)

    async def discard_all(self, request: Request) -> JSONResponse:
        return JSONResponse({"discarded": await self._all(request, discard)})

    async def _all(self, request: Request, act: Callable[[Connection, Sequence[str]], int]) -> int:
        """Do it with the first jobs that match; return with how many it was done."""
        self._demand(request)
        query, limit = _query(request), max(1, number(request, "limit", MOST_AT_ONCE, MOST_AT_ONCE))

        def work(connection: Connection) -> int:
            return act(connection, [one.handle.decode() for one in find(connection, query, limit)])

        return await self._transact(work)

    async def _transact(self, work: Callable[[Connection], _T]) -> _T:
        store = self._committer.store
        if not isinstance(store, TransactingStore):
            raise HTTPException(404, "this server's store has no job table, and keeps no failed jobs")
        try:
            return await ask(self._committer, partial(store.transact, work))
        except StoreError as error:
            raise HTTPException(503, f"the store refuses: {error}") from error

    def _demand(self, request: Request) -> None:
        if not self._may_change(request.client.host if request.client is not None else ""):
            raise HTTPException(403, "commands that change something are not taken from this address (--admin-from)")


def _handle(request: Request) -> str:
    handle = octets(request.path_params["handle"])
    return handle.decode() if handle.isascii() and b"\0" not in handle else ""


def _query(request: Request) -> FailedQuery:
    """The search that the query's parameters describe; a name that is not known could be a mistake, and match all."""
    given = request.query_params
    unknown = given.keys() - _PARAMETERS
    if unknown:
        raise HTTPException(400, f"unknown: {', '.join(sorted(unknown))}")
    function, unique_key, payload = (
        octets(given[name]) if given.get(name) else None for name in ("function", "unique_key", "payload")
    )
    if any(b"\0" in name for name in (function or b"", unique_key or b"")) or "\0" in given.get("error", ""):
        raise HTTPException(400, "names and errors have no NUL")
    after = given.get("after", "")
    if not after.isascii() or "\0" in after:
        raise HTTPException(400, "after is a handle")
    since, until = (_seconds(given.get(name, ""), name) for name in ("since", "until"))
    return FailedQuery(function, unique_key, given.get("error") or None, payload, since, until, after or None)


def _seconds(text: str, name: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 15):
        raise HTTPException(400, f"{name} is a number of seconds since 1970")
    return int(text) if text else None


def _payload(body: bytes) -> bytes | None:
    """The payload in the body of a retry; None where there is no body: as it was."""
    if not body:
        return None
    try:
        given = json.loads(body)
        if not isinstance(given, dict) or len(given) != 1:
            raise TypeError("an object with payload or payload_base64 is expected")
        return payload_in(given)
    except KeyError as error:
        raise HTTPException(400, f"{error.args[0]} is missing") from error
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise HTTPException(400, f"not a payload as JSON: {error}") from error


def _row(job: FailedJob) -> dict[str, Any]:
    trace = split_trace(job.reducer)[1]
    return {
        "handle": shown(job.handle),
        "function": shown(job.function),
        "unique_key": shown(job.unique_key),
        "priority": PRIORITIES[job.priority],
        "attempts": job.attempts,
        "max_attempts": job.max_attempts or None,
        "error": job.error,
        "enqueued": job.enqueued,
        "enqueued_by": job.enqueued_by,
        "failed": job.finished,
        "traceparent": shown(trace) or None,
        "payload_size": job.size,
    }
