"""The functions that a server knows: made known by a name, and forgotten where very many are idle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .function import FUNCTION_SIZE, Function
from .settings import FORGET_AT

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Names refused, for there are too many, before unused ones are looked for again.
_LOOK_AGAIN = 1024
#: Functions known before those that have no job give their memory back each time.
MANY = 1000


class KnownFunctions:
    """Functions by name. `most_names`: bytes of them over which no new ones are taken from peers."""

    def __init__(self, most_names: float = math.inf) -> None:
        self.functions: dict[bytes, Function] = {}
        self.forgotten = Function(b"")  # the counts of functions that are not known any more
        self.many = False
        self._most_names = most_names
        self._names_size = 0
        self._refused = 0  # names, because there were too many
        self._forget_at = FORGET_AT

    def function(self, name: bytes) -> Function:
        """The function of this name, made known if it was not; others that are idle may be forgotten for it."""
        function = self.functions.get(name)
        if function is None:
            if len(self.functions) >= self._forget_at:
                self._forget_idle()
            function = self.functions[name] = Function(name)
            self.many = len(self.functions) > MANY
            self._names_size += FUNCTION_SIZE + len(name)
        return function

    def has_room_for(self, name: bytes) -> bool:
        """Return whether a function of this name is known, or may be made known because a peer names it."""
        if name in self.functions or self._names_size < self._most_names:
            return True
        self._refused += 1
        if self._refused % _LOOK_AGAIN == 1:
            self._forget_idle()
        return self._names_size < self._most_names

    def drop_function(self, name: bytes) -> None:
        """Forget a function that has neither jobs nor workers."""
        self.forgotten.count_in(self.functions.pop(name))
        self._names_size -= FUNCTION_SIZE + len(name)

    def forget_unused(self, functions: Iterable[Function]) -> None:
        """Forget the unused ones of these, where very many are known."""
        if len(self.functions) >= FORGET_AT:
            for function in functions:
                if function.idle() and self.functions.get(function.name) is function:
                    self.drop_function(function.name)

    def _forget_idle(self) -> None:
        # gearmand: keeps every name it ever got, so names made up at random fill its memory; here: they are
        # forgotten when they are very many. The next look is when there are twice as many as are in use.
        for name in [name for name, function in self.functions.items() if function.idle()]:
            self.drop_function(name)
        self._forget_at = max(FORGET_AT, 2 * len(self.functions))
