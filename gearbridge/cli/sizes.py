"""Sizes as one types them: bytes, or with K, M or G behind the number."""

from __future__ import annotations

from typing import Any

import click

from gearbridge.errors import ConfigurationError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
#: Digits that are read.
_LONGEST = 18


def read_size(text: str) -> int:
    """Bytes. Raises ConfigurationError."""
    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in {"K", "M", "G"} else ""
    number = number.removesuffix(unit)
    if not (number.isascii() and number.isdigit() and len(number) <= _LONGEST):
        raise ConfigurationError(f"{text!r} is no size: write bytes, or a number with K, M or G")
    return int(number) * _UNITS[unit]


class _Size(click.ParamType[int]):
    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return read_size(value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)


SIZE = _Size()
