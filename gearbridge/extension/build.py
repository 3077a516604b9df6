"""Writes the assembled extensions into a directory. It knows no server; what goes where in one is install.py's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..version import __version__
from .assemble import EXTENSIONS, assemble
from .sources import read_source

if TYPE_CHECKING:
    from pathlib import Path


def assembled(extensions: tuple[str, ...] = EXTENSIONS) -> dict[str, str]:
    """All files of the extensions by name. Raises ConfigurationError where a source is missing or unfit."""
    files: dict[str, str] = {}
    for extension in extensions:
        files |= assemble(extension, __version__, read_source)
    return files


def build(output: Path) -> list[Path]:
    """Write the control files and scripts into `output`, which is made if need be; return their paths."""
    output.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, text in assembled().items():
        path = output / name
        path.write_text(text, encoding="ascii")
        written.append(path)
    return written
