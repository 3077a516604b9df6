"""The SQL functions `gman_*` for a Python program's SQLite connection."""

from .functions import Functions, describe, register

__all__ = ["Functions", "describe", "register"]
