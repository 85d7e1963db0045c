"""From an image file to a square uint8 array; the same code prepares training, evaluation and prediction images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from image_classifier.errors import DataError

GRAY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
MAX_AUTO_SIZE = 224
MIN_AUTO_SIZE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How files become arrays; stored in checkpoints, because a network is only right for images prepared like this.

    `resize`: `crop` scales the shorter side to `size` and cuts the middle out, `stretch` ignores the aspect ratio.
    """

    size: int
    channels: int
    resize: str


def decode(path: Path, how: Preparation) -> NDArray[np.uint8]:
    """(size, size, channels). Raises DataError that names the file when it cannot be read as an image."""
    mode = "L" if how.channels == 1 else "RGB"
    try:
        with Image.open(path) as image:
            image.draft(mode, (how.size, how.size))  # JPEG only: decodes at 1/2, 1/4 or 1/8 where that is enough
            upright = ImageOps.exif_transpose(image)
            pixels = _eight_bits(upright).convert(mode)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from None
    return np.array(_resize(pixels, how), dtype=np.uint8).reshape(how.size, how.size, how.channels)


def probe(path: Path) -> tuple[int, int, str]:
    """(width, height, Pillow mode) from the header; pixels are not decoded."""
    try:
        with Image.open(path) as image:
            return image.width, image.height, image.mode
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from None


def choose_size(headers: Sequence[tuple[int, int, str]]) -> int:
    """The median shorter side, rounded up to a multiple of 8."""
    sides = sorted(min(width, height) for width, height, _ in headers)
    median = sides[len(sides) // 2]
    return min(max(-(-median // 8) * 8, MIN_AUTO_SIZE), MAX_AUTO_SIZE)


def choose_channels(headers: Sequence[tuple[int, int, str]]) -> int:
    return 1 if all(mode in GRAY_MODES for _, _, mode in headers) else 3


def evenly(count: int, limit: int) -> list[int]:
    """At most `limit` indices below `count`, spread over all of it."""
    if count <= limit:
        return list(range(count))
    return [index * count // limit for index in range(limit)]


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pillow cuts 16-bit gray off at 255 when it converts; scale it instead."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image, dtype=np.float64) / 257.0
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _resize(image: Image.Image, how: Preparation) -> Image.Image:
    target = (how.size, how.size)
    if image.size == target:
        return image
    if how.resize == "stretch":
        return image.resize(target, Image.Resampling.BICUBIC, reducing_gap=3.0)
    return ImageOps.fit(image, target, Image.Resampling.BICUBIC)


def _unreadable(path: Path, error: BaseException) -> DataError:
    reason = str(error).replace(str(path), "the file").replace(repr(str(path)), "the file")
    return DataError(f"cannot read image {str(path)!r}: {reason}", "replace or remove the file")
