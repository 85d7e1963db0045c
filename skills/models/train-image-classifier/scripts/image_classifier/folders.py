"""Folders of class folders: finding the images, the validation split, and the faults such folders have."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from image_classifier.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
LAYOUT = "expected <folder>/<class name>/<image>.png (also jpg, jpeg, bmp, webp)"


@dataclass(frozen=True, slots=True)
class Sample:
    """One image: its path below the root, with forward slashes, and the index of its class."""

    path: str
    label: int


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """The images of one data set, ordered by class and then by path, so that every machine sees the same order."""

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    warnings: tuple[str, ...] = field(default=())

    def file(self, index: int) -> Path:
        return self.root / self.samples[index].path

    def counts(self) -> dict[str, int]:
        seen = Counter(sample.label for sample in self.samples)
        return {name: seen[label] for label, name in enumerate(self.classes)}

    def subset(self, indices: Sequence[int]) -> ImageFolder:
        return ImageFolder(self.root, self.classes, tuple(self.samples[i] for i in indices), self.warnings)


def read_train_folder(path: str | None, key: str) -> ImageFolder:
    """Class names come from the folder. Every class needs images, and there must be two classes or more."""
    root = _root(path, key)
    classes, stray = _class_folders(root, key)
    samples, warnings = _collect(root, classes, key, stray)
    folder = ImageFolder(root, classes, samples, warnings)
    empty = [name for name, count in folder.counts().items() if not count]
    if empty:
        raise DataError(
            f"{key}: no images in class folder {str(root / empty[0])!r}",
            f"add images or remove the folder ({len(empty)} of {len(classes)} class folders are empty)",
        )
    if len(classes) < 2:
        raise DataError(f"{key}: {str(root)!r} has one class folder only ({classes[0]!r})", "two or more are needed")
    return folder


def read_labelled_folder(path: str | None, key: str, classes: tuple[str, ...]) -> ImageFolder:
    """Validation or evaluation data for known classes: an unknown class is an error, a missing one a warning."""
    root = _root(path, key)
    found, stray = _class_folders(root, key)
    unknown = sorted(set(found) - set(classes))
    if unknown:
        raise DataError(
            f"{key}: class folder {unknown[0]!r} in {str(root)!r} is not a class of the training data",
            f"training classes: {_some(classes)}; not among them: {_some(unknown)}",
        )
    samples, warnings = _collect(root, classes, key, stray)
    folder = ImageFolder(root, classes, samples, warnings)
    if not samples:
        raise DataError(f"{key}: no images in {str(root)!r}", LAYOUT)
    missing = [name for name, count in folder.counts().items() if not count]
    if missing:
        note = f"{key}: no images of {_some(missing)}: macro averages leave these classes out"
        return ImageFolder(root, classes, samples, (*warnings, note))
    return folder


def read_unlabelled_folder(path: str | None, key: str) -> ImageFolder:
    """Images for prediction, at any depth; folder names mean nothing."""
    root = _root(path, key)
    images, _ = _split_images(_walk(root, root, key))
    if not images:
        raise DataError(f"{key}: no images in {str(root)!r}", f"file types: {', '.join(SUFFIXES)}")
    return ImageFolder(root, ("",), tuple(Sample(name, 0) for name in images))


def split(folder: ImageFolder, fraction: float) -> tuple[ImageFolder, ImageFolder]:
    """(train, validation), stratified.

    Which images validate follows from a hash of their paths alone: the split is the same for every seed and trial,
    and one more image moves at most one other. A class with a single image only trains.
    """
    members: dict[int, list[int]] = {}
    for index, sample in enumerate(folder.samples):
        members.setdefault(sample.label, []).append(index)
    train: list[int] = []
    validation: list[int] = []
    for indices in members.values():
        indices.sort(key=lambda index: _digest(folder.samples[index].path))
        wanted = min(max(1, round(len(indices) * fraction)), len(indices) - 1)
        validation += indices[:wanted]
        train += indices[wanted:]
    if not validation:
        raise DataError(
            f"dataset.train_dir: {str(folder.root)!r} has one image per class: none is left to validate on",
            "add images, or set dataset.val_dir",
        )
    return folder.subset(sorted(train)), folder.subset(sorted(validation))


def fingerprint(*folders: ImageFolder) -> str:
    """Changes when classes, files or labels change; not when the folder is moved."""
    digest = hashlib.sha256()
    for folder in folders:
        digest.update(repr((folder.classes, [(s.path, s.label) for s in folder.samples])).encode("utf-8", "replace"))
    return digest.hexdigest()


def _root(path: str | None, key: str) -> Path:
    if not path:
        raise DataError(f"{key} is not set", f"set it to a folder; {LAYOUT}")
    root = Path(path)
    if not root.is_dir():
        reason = "is not a folder" if root.exists() else "does not exist"
        raise DataError(f"{key}: {path!r} {reason}", LAYOUT)
    return root


def _class_folders(root: Path, key: str) -> tuple[tuple[str, ...], int]:
    """(class names, number of files beside the class folders)."""
    entries = [entry for entry in _entries(root, key) if not _hidden(entry.name)]
    names = tuple(sorted(entry.name for entry in entries if _is_dir(entry, key)))
    if names:
        return names, len(entries) - len(names)
    raise DataError(f"{key}: no class folders in {str(root)!r}", LAYOUT)


def _collect(root: Path, classes: tuple[str, ...], key: str, stray: int) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    samples: list[Sample] = []
    others: list[str] = []
    for label, name in enumerate(classes):
        if (root / name).is_dir():
            images, rest = _split_images(_walk(root / name, root, key))
            samples += [Sample(path, label) for path in images]
            others += rest
    warnings = []
    if others:
        warnings.append(f"{key}: {len(others)} files that are not images were ignored, such as {others[0]!r}")
    if stray:
        warnings.append(f"{key}: {stray} files beside the class folders were ignored")
    return tuple(samples), tuple(warnings)


def _split_images(paths: Iterator[str]) -> tuple[list[str], list[str]]:
    images: list[str] = []
    others: list[str] = []
    for path in paths:
        (images if path.lower().endswith(SUFFIXES) else others).append(path)
    return sorted(images), sorted(others)


def _walk(folder: Path, root: Path, key: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """Files at any depth, links followed; a link to one of its own parent folders is a fault, not an endless walk."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(f"{key}: {str(folder)!r} links back to a folder above it", "remove the symbolic link")
    prefix = os.path.join(root, "")
    for entry in _entries(folder, key):
        if _hidden(entry.name):
            continue
        if _is_dir(entry, key):
            yield from _walk(Path(entry.path), root, key, (*above, here))
        else:
            yield entry.path.removeprefix(prefix).replace(os.sep, "/")


def _entries(folder: Path, key: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise DataError(f"{key}: {str(folder)!r} cannot be read: {error.strerror}") from None


def _is_dir(entry: os.DirEntry[str], key: str) -> bool:
    try:
        if entry.is_symlink():
            os.stat(entry.path)
        return entry.is_dir()
    except OSError as error:
        raise DataError(f"{key}: the link {entry.path!r} leads nowhere: {error.strerror}", "remove the link") from None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _digest(path: str) -> bytes:
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()


def _some(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
