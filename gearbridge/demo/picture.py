"""The demo's own picture, and the description of a picture. Knows no job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_SIZE = (3840, 2560)
_CENTER = (-0.7436, 0.1318)  # in the Mandelbrot set's valley of seahorses
_WIDTH = 0.012
_DARK, _MIDDLE, _LIGHT = (8, 16, 58), (222, 110, 40), (255, 246, 220)


def make_picture(path: Path) -> None:
    """Draw a part of the Mandelbrot set and write it, as a JPEG of ten million pixels."""
    width, height = _SIZE
    x, y = _CENTER
    rise = _WIDTH * height / width
    extent = (x - _WIDTH / 2, y - rise / 2, x + _WIDTH / 2, y + rise / 2)
    grey = Image.effect_mandelbrot((width // 2, height // 2), extent, 255)
    colours = ImageOps.colorize(grey, black=_DARK, mid=_MIDDLE, white=_LIGHT)
    colours.resize(_SIZE, Image.Resampling.BICUBIC).save(path, format="JPEG", quality=92)


def describe_picture(path: Path) -> str:
    """Describe the size of a picture. Raises ConfigurationError for what Pillow cannot read."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except (OSError, Image.DecompressionBombError) as error:
        raise ConfigurationError(f"{path} is no picture that Pillow can read: {error}") from error
    return f"{width} x {height} pixels, {_size(path.stat().st_size)}"


def _size(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB" if octets >= 1e6 else f"{octets / 1e3:.0f} kB"
