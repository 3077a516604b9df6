"""What was found, of one thing."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A finding. `about` is its subject, a server's address or "database"; `remedy` is what to do if it is not good."""

    about: str
    good: bool
    text: str
    remedy: str = ""
