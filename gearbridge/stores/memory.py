"""The store that keeps nothing: jobs live in the server's memory and end with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .interface import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gearbridge.records import Operation, StoredJob


class MemoryStore:
    """`memory:`. Not durable, so the engine never hands it a group."""

    traits = Traits(durable=False, transactional=True)

    def open(self) -> None:
        """Nothing to open."""

    def replay(self) -> Iterator[StoredJob]:
        """Nothing was kept."""
        return iter(())

    def apply(self, group: Sequence[Operation]) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to close."""
