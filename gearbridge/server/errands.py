"""What the event loop has the committer's thread do with the store, besides commit groups: it asks, and awaits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from gearbridge.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .committer import Committer

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class Errand(NamedTuple):
    """A call into the store; `answer` is called in the committer's thread with what it returned, or its StoreError."""

    call: Callable[[], Any]
    answer: Callable[[Any], None]

    def carry_out(self) -> None:
        """Call, and answer in any case."""
        try:
            outcome = self.call()
        except StoreError as error:
            self.answer(error)
        except Exception as error:
            _log.exception("the store failed in an unexpected way")
            self.answer(StoreError(f"internal error: {error}"))
        else:
            self.answer(outcome)


async def ask(committer: Committer, call: Callable[[], _T]) -> _T:
    """Have the committer's thread call, in turn with the commit groups, and return what that returns.

    Raises StoreError where the store does.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[_T] = loop.create_future()

    def answer(outcome: Any) -> None:
        if answered.cancelled():
            return
        if isinstance(outcome, StoreError):
            answered.set_exception(outcome)
        else:
            answered.set_result(outcome)

    def in_thread(outcome: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(answer, outcome)

    committer.run_errand(Errand(call, in_thread))
    return await answered
