"""What was found, of one thing."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """`about` says whose it is: a server's address, or "database". `remedy` is what to do where it is not good."""

    about: str
    good: bool
    text: str
    remedy: str = ""
