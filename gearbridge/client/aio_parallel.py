"""Many jobs over one asyncio connection, beside the calls of other tasks. What they came to is kept by `batches`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .batches import groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .aio_link import AsyncLink
    from .batches import Runs, Submissions


async def submit_all(
    link: AsyncLink, jobs: Submissions, payloads: Iterable[bytes | str], reply_timeout: float | None
) -> None:
    """Submit a background job for each payload; after a refusal nothing more is sent, and all that was is answered."""
    with link.call(reply_timeout) as call:
        token = call.expect(jobs.take)
        for group in groups(payloads):
            allowed = len(group)
            await call.send(lambda group=group: jobs.encode(link.session, token, group), due=allowed)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            # The server works on this group while the next one is made.
            await call.until(lambda allowed=allowed: jobs.under_way <= allowed)  # type: ignore[misc]  # the same
            if jobs.refusal is not None:
                break
        await call.until(lambda: jobs.under_way == 0)


async def run_all(link: AsyncLink, jobs: Runs, payloads: Iterable[bytes | str], reply_timeout: float | None) -> None:
    """Run a foreground job for each payload; a group follows when the server has taken the one before it.

    Raises what ForegroundJob.result does for the first job that fails; the others are then under way, and forgotten.
    """
    with link.call(reply_timeout) as call:
        for group in groups(payloads):
            await call.send(lambda group=group: jobs.encode(link.session, call.expect, group), due=len(group))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            await call.until(jobs.accepted)
        await call.until(jobs.ended)
