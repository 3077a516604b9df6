"""Polling, for databases without a wake-up for new jobs."""

from __future__ import annotations


class Polling:
    """Polling, for databases without notifications."""

    first_pause = 0.005

    def __init__(self, longest_pause: float) -> None:
        self.longest_pause = longest_pause

    def arm(self) -> bool:
        """Never here."""
        return False

    def disarm(self) -> None:
        """Nothing was armed."""

    def wait(self, seconds: float) -> bool:
        """Never called, since it is never armed."""
        return False

    def interrupt(self) -> None:
        """Do nothing: there is no waiter."""

    def close(self) -> None:
        """Nothing to close."""
