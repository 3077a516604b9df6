"""How many jobs of a function may wait, where nodes agree on it by the job table that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gearbridge.records import Limits

    from .state import State


def apply_limits(state: State, limits: Mapping[bytes, Limits]) -> None:
    """These are in the table, and no others. What was set here since then goes before."""
    queue = state.queue
    limited = {function.name for function in queue.functions.values() if any(function.limits)}
    for name in {*limited, *limits} - state.limits.keys():
        queue.function(name).limits = [*limits.get(name, (0, 0, 0))]
