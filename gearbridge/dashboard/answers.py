"""JSON answers that a server and a bridge share, and the reading of their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

    from .monitor import StoreSnapshot

#: Most rows of a kind in one answer.
MOST_ROWS = 500


def number(request: Request, name: str, default: int, most: int) -> int:
    """A number in the query, at most `most`. Raises HTTPException for what is none."""
    text = request.query_params.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400, f"{name} is a number from 0 to {most}")
    return min(int(text), most) if text else default


def page(request: Request) -> tuple[str, int, int]:
    """Return the search text, the largest number of rows, and the number of rows to skip."""
    limit, offset = number(request, "limit", 50, MOST_ROWS), number(request, "offset", 0, 10_000_000)
    return request.query_params.get("search", ""), limit, offset


def store_told(store: StoreSnapshot) -> dict[str, Any]:
    """The store, and how its commits go."""
    groups = sum(store.group_seconds.counts)
    operations = sum(store.group_sizes.counts) and store.group_sizes.total
    return {
        "where": store.where,
        "durable": store.durable,
        "trouble": store.trouble,
        "full": store.full,
        "waiting_bytes": store.waiting_bytes,
        "unwritten_ends": store.kept,
        "groups": groups,
        "mean_group": operations / groups if groups else None,
        "mean_seconds": store.group_seconds.total / groups if groups else None,
    }
