"""The JSON API. What is no UTF-8 is written with \\xNN, and results as base64 beside it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gearbridge.errors import ServerError
from gearbridge.process.rate_limited_log import RateLimitedLog
from gearbridge.records import PRIORITIES
from gearbridge.traceparent import is_traceparent
from gearbridge.version import __version__

from .answers import MOST_ROWS, number, page, store_told
from .cached_monitor import PAUSE, SORTS, CachedMonitor
from .monitor import Submission
from .text import octets, payload_in, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gearbridge.core.snapshot import FailureSnapshot, FunctionSnapshot, JobSnapshot, WorkerSnapshot

    from .monitor import Ended

_under_way: dict[Request, int] = {}
_broken_off = RateLimitedLog(logging.getLogger(__name__))

#: Largest body taken, in bytes.
MOST_BODY = 64 * 1024 * 1024
#: Bytes of all bodies together that have begun and are not whole; over it those larger than ANY_BODY are refused.
MOST_BODIES = 2 * MOST_BODY
ANY_BODY = 64 * 1024
#: Seconds to wait for a foreground job: by default, and at most.
DEFAULT_WAIT = 60.0
LONGEST_WAIT = 3600.0


class Api:
    """The routes under /api, for one board."""

    def __init__(self, board: CachedMonitor) -> None:
        self._board = board
        self._seen = board.seen
        self._began = time.time()

    def routes(self) -> list[Route]:
        return [
            Route("/api/overview", self.overview),
            Route("/api/functions", self.functions),
            Route("/api/workers", self.workers),
            Route("/api/failures", self.failures),
            Route("/api/dashboard", self.dashboard),
            Route("/api/jobs", self.submit, methods=["POST"]),
            Route("/api/jobs/{handle:path}/cancel", self.cancel, methods=["POST"]),
            Route("/api/jobs/{handle:path}/retry", self.retry, methods=["POST"]),
            Route("/api/jobs/{handle:path}", self.job),
        ]

    async def overview(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._overview())

    async def functions(self, request: Request) -> JSONResponse:
        return JSONResponse(self._functions(request))

    async def workers(self, request: Request) -> JSONResponse:
        return JSONResponse(self._workers(number(request, "limit", 100, MOST_ROWS)))

    async def failures(self, request: Request) -> JSONResponse:
        return JSONResponse(self._failures(number(request, "limit", 50, MOST_ROWS)))

    async def dashboard(self, request: Request) -> JSONResponse:
        """All that the page shows, of one moment."""
        return JSONResponse(
            {
                "overview": self._overview(),
                "functions": self._functions(request),
                "workers": self._workers(50),
                "failures": self._failures(50),
            }
        )

    async def job(self, request: Request) -> JSONResponse:
        job = self._seen.job(octets(request.path_params["handle"]))
        if job is None:
            # A finished job and an unknown handle look the same in Gearman.
            return JSONResponse({"known": False, "handle": request.path_params["handle"]}, 404)
        return JSONResponse(_job(job))

    async def submit(self, request: Request) -> JSONResponse:
        body = await body_of(request)
        job, background, wait = _submission(body)
        job = traced(job, request)
        try:
            if background:
                return JSONResponse({"handle": shown(await self._seen.submit(job))}, 202)
            async with asyncio.timeout(wait):
                ended = await self._seen.do(job)
        except ServerError as error:
            raise refused(error) from error
        except TimeoutError:
            return JSONResponse({"error": f"the job did not end within {wait:g} s and is given up"}, 504)
        return JSONResponse(_ended(ended), 200 if ended.how == "complete" else 502)

    async def cancel(self, request: Request) -> JSONResponse:
        if not self._seen.may_change(request.client.host if request.client is not None else ""):
            raise HTTPException(403, "commands that change something are not taken from this address (--admin-from)")
        if not self._seen.cancel(octets(request.path_params["handle"])):
            raise HTTPException(404, "no unfinished job has this handle")
        return JSONResponse({"cancelled": True})

    async def retry(self, request: Request) -> JSONResponse:
        handle = octets(request.path_params["handle"])
        try:
            done = await self._seen.retry(handle)
        except ServerError as error:
            raise refused(error) from error
        if not done:
            if any(failure.handle == handle for failure in self._seen.failures()):
                raise HTTPException(409, "this job cannot be done again: foreground, too large, or one like it waits")
            raise HTTPException(404, "no job of this handle failed lately")
        return JSONResponse({"handle": shown(handle)}, 202)

    # What several routes answer.

    def _overview(self) -> dict[str, Any]:
        return {
            "kind": self._seen.kind,
            "version": __version__,
            "at": time.time(),
            "up": time.time() - self._began,
            "not_ready": self._seen.not_ready(),
            "connections": self._seen.connections(),
            **self._board.totals()._asdict(),
            "throughput": self._board.throughput(),
            "step": PAUSE,
            "counted": self._seen.counted(),
            "store": store_told(self._seen.store()),
        }

    def _functions(self, request: Request) -> dict[str, Any]:
        sort = request.query_params.get("sort", "waiting")
        if sort not in SORTS:
            raise HTTPException(400, f"sort is one of {', '.join(SORTS)}")
        search, limit, offset = page(request)
        found = self._board.page(search, sort, limit, offset)
        rows = [self._function(one) for one in found.functions]
        return {"total": found.total, "matching": found.matching, "offset": offset, "rows": rows}

    def _function(self, one: FunctionSnapshot) -> dict[str, Any]:
        waiting, completed = self._board.sparks(one.name)
        return {
            **one._asdict(),
            "name": shown(one.name),
            "queued": dict(zip(PRIORITIES, one.queued, strict=True)),
            "waiting_points": waiting,
            "completed_points": completed,
        }

    def _workers(self, limit: int) -> dict[str, Any]:
        workers = self._seen.workers()
        return {"total": len(workers), "rows": [_worker(one) for one in workers[:limit]]}

    def _failures(self, limit: int) -> dict[str, Any]:
        failures = self._seen.failures()
        return {"total": len(failures), "rows": [_failure(one) for one in failures[:limit]]}


def refused(error: ServerError) -> HTTPException:
    """A job that the server would not take: busy, or badly asked."""
    return HTTPException(503 if error.code == "QUEUE_ERROR" else 400, str(error))


async def body_of(request: Request) -> bytes:
    """The body, refused when it is larger than MOST_BODY, or broken off, or when all under way are too much."""
    parts: list[bytes] = []
    size = 0
    if int(request.headers.get("content-length", 0)) > MOST_BODY:  # h11 has checked that it is a number
        raise HTTPException(413, f"the body is larger than {MOST_BODY} bytes")
    try:
        async for part in request.stream():
            size += len(part)
            _under_way[request] = size
            if size > MOST_BODY:
                raise HTTPException(413, f"the body is larger than {MOST_BODY} bytes")
            if size > ANY_BODY and sum(_under_way.values()) > MOST_BODIES:
                raise HTTPException(503, "too much is being sent at once")
            parts.append(part)
    except ClientDisconnect as error:
        address = request.client.host if request.client else "-"
        _broken_off.warn("a request of %s was broken off after %d bytes of its body", address, size)
        raise HTTPException(400, "the body was broken off") from error
    finally:
        _under_way.pop(request, None)
    return b"".join(parts)


def traced(job: Submission, request: Request) -> Submission:
    """The job with the trace that the request is part of. A header that names none is overlooked, as W3C wants it."""
    traceparent = request.headers.get("traceparent", "").encode("latin-1")
    return job._replace(traceparent=traceparent) if is_traceparent(traceparent) else job


def _submission(body: bytes) -> tuple[Submission, bool, float]:
    """The job, whether it is a background job, and how long a foreground one is waited for."""
    try:
        told = json.loads(body)
        if not isinstance(told, dict):
            raise TypeError("an object is expected")
        unknown = told.keys() - {
            *("function", "payload", "payload_base64", "unique", "priority", "due", "background", "timeout")
        }
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        function = octets(told["function"])
        if not function:
            raise ValueError("function is empty")
        payload = payload_in({"payload": "", **told})
        priority = PRIORITIES.index(told.get("priority", "normal"))
        due, background = int(told.get("due", 0)), told.get("background", True)
        if due and (not background or priority != 1):
            raise ValueError("a job that is due later is a background job of normal priority")
        job = Submission(function, payload, octets(told.get("unique", "")), priority, due)
        if b"\0" in job.function or b"\0" in job.unique_key:
            raise ValueError("names have no NUL")
        wait = min(float(told.get("timeout", DEFAULT_WAIT)), LONGEST_WAIT)
        if not wait >= 0:
            raise ValueError("timeout is a number of seconds")
    except KeyError as error:
        raise HTTPException(400, f"{error.args[0]} is missing") from error
    except RecursionError as error:
        raise HTTPException(400, "not a job as JSON: too many brackets") from error
    except (ValueError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise HTTPException(400, f"not a job as JSON: {error}") from error
    return job, bool(background), wait


def _ended(ended: Ended) -> dict[str, Any]:
    return {
        "handle": shown(ended.handle),
        "ended": ended.how,
        "result": shown(ended.data),
        "result_base64": base64.b64encode(ended.data).decode(),
    }


def _job(job: JobSnapshot) -> dict[str, Any]:
    return {
        **job._asdict(),
        "known": True,
        "handle": shown(job.handle),
        "function": shown(job.function),
        "unique_key": shown(job.unique_key),
        "priority": PRIORITIES[job.priority],
    }


def _worker(one: WorkerSnapshot) -> dict[str, Any]:
    return {
        **one._asdict(),
        "client_id": shown(one.client_id),
        "functions": _names(one.functions),
        "running": _names(one.running),
    }


def _failure(one: FailureSnapshot) -> dict[str, Any]:
    return {**one._asdict(), "handle": shown(one.handle), "function": shown(one.function)}


def _names(names: Sequence[bytes]) -> list[str]:
    """The first names; a worker may have thousands."""
    return [*map(shown, names[:50]), *([f"and {len(names) - 50} more"] if len(names) > 50 else [])]
