#!/usr/bin/env python3
"""Writes a small image data set as PNG class folders: OUT_DIR/train and OUT_DIR/eval. The same files every time.

digits: the 1,797 handwritten digits that come with scikit-learn, gray, 10 classes.
shapes: drawn figures of random colour, place and size on noisy backgrounds, RGB, 6 classes; needs no scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

EVAL_EVERY = 5  # of the images of a class, every fifth is for evaluation
Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]
Figure = Callable[[ImageDraw.ImageDraw, Box, Colour], None]


def main() -> int:
    args = _arguments()
    makers = {"digits": digits, "shapes": shapes}
    sizes = {"digits": 16, "shapes": 32}
    if not args.dry_run and any((args.out_dir / part).exists() for part in ("train", "eval")):
        print(f"error: {args.out_dir} already holds a train or eval folder", file=sys.stderr)
        print("hint: name another folder, or remove these", file=sys.stderr)
        return 2
    try:
        images = makers[args.dataset](args.image_size or sizes[args.dataset], args.per_class)
        report = write(images, args.out_dir, dry_run=args.dry_run)
    except ImportError:
        print("error: --dataset digits needs scikit-learn", file=sys.stderr)
        print("hint: pip install scikit-learn, or use --dataset shapes", file=sys.stderr)
        return 2
    print(_text(report) if args.format == "text" else json.dumps({"dataset": args.dataset, **report}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    parser.add_argument("--dataset", choices=("digits", "shapes"), default="digits")
    parser.add_argument("--image-size", type=int, metavar="PIXELS", help="default: 16 for digits, 32 for shapes")
    parser.add_argument("--per-class", type=int, metavar="N", help="images per class; default: all digits, 150 shapes")
    parser.add_argument("--format", choices=("json", "text"), default="json")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written, write nothing")
    args = parser.parse_args()
    for name, least in (("image_size", 8), ("per_class", 2)):
        value = getattr(args, name)
        if value is not None and value < least:
            parser.error(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
    return args


def digits(size: int, per_class: int | None) -> Iterator[tuple[str, Image.Image]]:
    """(class, image), enlarged from 8x8."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    seen = dict.fromkeys(range(10), 0)
    for pixels, label in zip(bunch.images, bunch.target.tolist(), strict=True):
        if per_class is not None and seen[label] >= per_class:
            continue
        seen[label] += 1
        gray = np.rint(pixels * (255.0 / 16.0)).astype(np.uint8)
        yield str(label), Image.fromarray(gray).resize((size, size), Image.Resampling.BICUBIC)


def shapes(size: int, per_class: int | None) -> Iterator[tuple[str, Image.Image]]:
    dice = np.random.default_rng(20240501)
    for name, figure in FIGURES.items():
        for _ in range(per_class or 150):
            yield name, _scene(figure, size, dice)


def write(images: Iterator[tuple[str, Image.Image]], out: Path, *, dry_run: bool) -> dict[str, object]:
    """Splits each class, writes the files, and returns paths and counts."""
    counts: dict[str, dict[str, int]] = {"train": {}, "eval": {}}
    seen: dict[str, int] = {}
    for name, image in images:
        number = seen.get(name, 0)
        seen[name] = number + 1
        part = "eval" if number % EVAL_EVERY == EVAL_EVERY - 1 else "train"
        counts[part][name] = counts[part].get(name, 0) + 1
        if not dry_run:
            folder = out / part / name
            folder.mkdir(parents=True, exist_ok=True)
            image.save(folder / f"{number:05d}.png")
    paths = {f"{part}_dir": str((out / part).resolve()) for part in counts}
    totals = {f"{part}_images": sum(per_class.values()) for part, per_class in counts.items()}
    return {**paths, **totals, "classes": len(seen), "written": not dry_run}


def _scene(figure: Figure, size: int, dice: np.random.Generator) -> Image.Image:
    """One figure, drawn four times as large and shrunk, so that its edges are smooth."""
    background, colour = _two_colours(dice)
    large = size * 4
    image = Image.new("RGB", (large, large), background)
    side = large * dice.uniform(0.5, 0.9)
    left, top = dice.uniform(0.0, large - side, size=2)
    figure(ImageDraw.Draw(image), (left, top, left + side, top + side), colour)
    small = np.asarray(image.resize((size, size), Image.Resampling.BOX), dtype=np.float64)
    noisy: NDArray[np.float64] = small + dice.normal(0.0, 8.0, size=small.shape)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def _two_colours(dice: np.random.Generator) -> tuple[Colour, Colour]:
    """Different enough to tell apart."""
    while True:
        first, second = dice.integers(0, 256, size=(2, 3)).tolist()
        if sum(abs(a - b) for a, b in zip(first, second, strict=True)) > 250:
            return (first[0], first[1], first[2]), (second[0], second[1], second[2])


def _circle(draw: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    draw.ellipse(box, fill=colour)


def _square(draw: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    draw.rectangle(box, fill=colour)


def _triangle(draw: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    draw.polygon([(left, bottom), (right, bottom), ((left + right) / 2, top)], fill=colour)


def _ring(draw: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    draw.ellipse(box, outline=colour, width=int((box[2] - box[0]) / 5))


def _cross(draw: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    third = (right - left) / 3
    draw.rectangle((left + third, top, right - third, bottom), fill=colour)
    draw.rectangle((left, top + third, right, bottom - third), fill=colour)


def _diamond(draw: ImageDraw.ImageDraw, box: Box, colour: Colour) -> None:
    left, top, right, bottom = box
    across, down = (left + right) / 2, (top + bottom) / 2
    draw.polygon([(left, down), (across, top), (right, down), (across, bottom)], fill=colour)


FIGURES: dict[str, Figure] = {
    "circle": _circle,
    "cross": _cross,
    "diamond": _diamond,
    "ring": _ring,
    "square": _square,
    "triangle": _triangle,
}


def _text(report: dict[str, object]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in report.items())


if __name__ == "__main__":
    sys.exit(main())
