"""What the event loop has the committer's thread do with the store, besides commit groups: it asks, and awaits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from gearbridge.errors import StoreError, without_frames
from gearbridge.process.out_of_memory import end_process

if TYPE_CHECKING:
    from collections.abc import Callable


_T = TypeVar("_T")

_log = logging.getLogger(__name__)


class StoreCall(NamedTuple):
    """A call into the store; `answer` is called in the committer's thread with what it returned, or its StoreError."""

    call: Callable[[], Any]
    answer: Callable[[Any], None]

    def carry_out(self) -> StoreError | None:
        """Call, and answer in any case; return the error."""
        try:
            outcome = self.call()
        except StoreError as error:
            self.answer(without_frames(error))
            return error
        except MemoryError:
            end_process()
        except Exception as error:
            _log.exception("unexpected error of the store")
            failure = StoreError(f"internal error: {error}")
            self.answer(failure)
            return failure
        self.answer(outcome)
        return None


class StoreThread(Protocol):
    """The thread that calls the store."""

    def run_call(self, call: StoreCall) -> None:
        """Call the store, in turn with the commit groups."""


async def ask(committer: StoreThread, call: Callable[[], _T]) -> _T:
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
        with contextlib.suppress(RuntimeError):  # the loop is closed: there is no waiter any more
            loop.call_soon_threadsafe(answer, outcome)

    committer.run_call(StoreCall(call, in_thread))
    return await answered
