"""Between the engine and the committer: one commit group at a time, what only the job table can answer behind it.

While a group is being applied the next one gathers. Who submits faster than the store writes is not read from.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from gearbridge.errors import StoreError

from .committer import Committer
from .errands import Errand
from .prompt import PromptPuts

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from gearbridge.core.engine import Engine
    from gearbridge.core.questions import Question
    from gearbridge.records import Operation, Put, StoredJob
    from gearbridge.stores.base import PromptStore, SharedStore, Store, WindowedStore

    from .connection import Connection

_log = logging.getLogger(__name__)

#: How many of the handles and functions that an event concerns are logged as its fields.
LOGGED_HANDLES = 10


class Commits:
    """`most` is how many bytes may wait for their commit. `flush` is called after each group."""

    def __init__(self, engine: Engine, store: Store, patience: float, most: int, flush: Callable[[], None]) -> None:
        self.committer = Committer(store, self._applied, patience)
        self.under_way = False
        self._engine = engine
        self._store = store
        self._shared = store.abilities.shared
        self._most = most
        self._flush = flush
        self._paused: list[Connection] = []
        self._loop: asyncio.AbstractEventLoop
        self._prompt: PromptPuts | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to commit."""
        self._loop = loop
        self.committer.start()
        if self._store.abilities.prompt:
            self._prompt = PromptPuts(cast("PromptStore", self._store), self.committer, loop, self._written)

    def see_to(self, source: Connection | None) -> None:
        """Have the store told what gathered, and `source` wait, which was read from, where that is too much."""
        lifecycle = self._engine.lifecycle
        if not self.under_way and (lifecycle.journal or lifecycle.questions):
            # Not at once: what other sockets of this round of the loop have to say joins the same group.
            self.under_way = True
            self._loop.call_soon(self._begin)
        if lifecycle.journal.size > self._most and source is not None:
            source.pause("journal")
            self._paused.append(source)

    def _begin(self) -> None:
        group = self._engine.journal.take_group()
        questions = self._engine.take_questions()
        if group and (self._prompt is None or not self._prompt.begin(group)):
            self.committer.apply(group)
        if questions:
            find = partial(cast("WindowedStore", self._store).find, [question.handle for question in questions])
            self.committer.run_errand(Errand(find, partial(self._found, questions)))
        self.under_way = bool(group)

    # In the committer's thread.

    def _applied(self, group: Sequence[Operation], errors: dict[int, str]) -> None:
        joined = cast("SharedStore", self._store).take_joined() if self._shared else None
        self._loop.call_soon_threadsafe(self._committed, group, errors, joined)

    def _found(self, questions: Sequence[Question], outcome: Any) -> None:
        self._loop.call_soon_threadsafe(self._answered, questions, outcome)

    # Back in the loop.

    def _written(self, group: Sequence[Operation]) -> None:
        self._committed(group, {}, None)

    def _committed(self, group: Sequence[Operation], errors: dict[int, str], joined: dict[bytes, bytes] | None) -> None:
        if errors:
            _log_refused([cast("Put", group[index]).job for index in errors], next(iter(errors.values())))
        self._engine.queue.now = time.monotonic()
        self._engine.committed(group, errors, joined)
        self.under_way = bool(self._engine.journal)
        if self.under_way:
            self._begin()
        if self._paused and self._engine.journal.size <= self._most:
            paused, self._paused = self._paused, []
            for connection in paused:
                connection.resume("journal")
        self._flush()

    def _answered(self, questions: Sequence[Question], outcome: Any) -> None:
        self._engine.answered(questions, str(outcome) if isinstance(outcome, StoreError) else outcome)
        self._flush()


def _log_refused(jobs: Sequence[StoredJob], why: str) -> None:
    handles = [job.handle.decode("ascii", "backslashreplace") for job in jobs[:LOGGED_HANDLES]]
    functions = sorted({job.function.decode("utf-8", "backslashreplace") for job in jobs})[:LOGGED_HANDLES]
    extra = {"handles": handles, "functions": functions}
    _log.error("%d background jobs were refused: %s", len(jobs), why, extra=extra)
