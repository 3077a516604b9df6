"""Where the extensions' sources are: in a checkout, or inside the installed package. It reads files and judges none.

Names in manifests are resolved here: `sql/NAME`, `plpython/NAME` and `gearbridge/NAME`, with those prefixes.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent


def directory_of(name: str) -> Path:
    """The directory of `sql` or `plpython` (top of a checkout, or packed into the wheel), or of `gearbridge` itself."""
    if name == "gearbridge":
        return _PACKAGE
    for candidate in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ConfigurationError(
        f"the extension's sources ({name}/) are missing: this gearbridge is not installed completely"
    )


def read_source(name: str) -> str:
    """The text of one source, by its name in the repository (``sql/gearbridge.control``)."""
    top, _, rest = name.partition("/")
    path = directory_of(top) / rest
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(f"no such source: {name} (looked for {path})") from None
