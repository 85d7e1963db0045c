"""`versions.yaml`, the single pin of images and wheels, and the lines of the bank that repeat its values.

A marked line ends in ``# versions-key: KEY``; the last word before the mark is the value, quoted or not, or what
follows ``NAME=``:

    container_image: registry/name:1.2  # versions-key: images.name
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tao_automl.bank.files import Unreadable, dotted, read_text
from tao_automl.bank.located_yaml import Document, Place, read_yaml
from tao_automl.domain.json_types import JsonValue
from tao_automl.domain.nearest import nearest_hint
from tao_automl.errors import SettingsError, SkillError

VERSIONS = "versions.yaml"
_PLACES = ("*.md", "docs/**/*.md", "skills/**/*.md", "skills/**/*.yaml", "skills/**/*.yml", "skills/**/*.sh")
_SIZE_LIMIT = 2_000_000
_MARK = re.compile(r"#\s*versions-key:\s*(?P<key>[\w.\-]+)\s*$")
_LINE = re.compile(r"(?P<before>(?:.*\s)?(?:\w+=(?!=))?[\"']?)(?P<value>[^\s\"'{}]*[^\s\"'{},])(?P<after>[\"']?\s*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedLine:
    """A marked line whose value is not the pinned one; `fault` says why it cannot be written."""

    path: Path
    line: int
    key: str
    found: str = ""
    wanted: str = ""
    fault: str = ""

    def __str__(self) -> str:
        what = self.fault or f"{self.key} is {self.wanted}, the line has {self.found}"
        return f"{self.path}:{self.line}: {what}"


def read_versions(root: Path) -> Mapping[str, str]:
    """Dotted key -> value, in the order of the file. Raises SkillError with file and line."""
    document = read_yaml(root / VERSIONS)
    if not isinstance(document.value, dict):
        raise SkillError(document.at((), "must be a mapping of keys to versions"))
    return dict(_leaves(document, document.value, ()))


def _leaves(document: Document, value: JsonValue, place: Place) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _leaves(document, child, (*place, key))
    elif isinstance(value, str) and value and not any(letter.isspace() for letter in value):
        yield dotted(place), value
    else:
        raise SkillError(document.at(place, f"a version must be one word of text, got {value!r:.80}"))


def resolve_version(key: str, root: Path) -> str:
    """The pinned value of a dotted key. Raises SettingsError with the nearest keys, or those of a section."""
    versions = read_versions(root)
    if key in versions:
        return versions[key]
    below = [name for name in versions if name.startswith(f"{key}.")]
    hint = f"keys below it: {', '.join(below[:20])}" if below else nearest_hint(key, versions)
    law = "is a section, and one value is needed" if below else "is no key of versions.yaml"
    raise SettingsError(f"{key!r} {law}", hint)


def pinned_keys(value: str, root: Path) -> tuple[str, ...]:
    """The keys that pin exactly this value."""
    return tuple(key for key, pinned in read_versions(root).items() if pinned == value)


def stamp(root: Path, *, write: bool) -> tuple[StampedLine, ...]:
    """The marked lines of the bank that differ from the pins; with `write` they are corrected, but for faulty ones.

    A file is replaced whole, with its mode and line ends. Raises SkillError for versions.yaml itself.
    """
    versions = read_versions(root)
    return tuple(line for path in _marked_files(root) for line in _stamp_file(path, versions, write))


def _marked_files(root: Path) -> list[Path]:
    found = {path for pattern in _PLACES for path in root.glob(pattern) if path.is_file() and not path.is_symlink()}
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def _stamp_file(path: Path, versions: Mapping[str, str], write: bool) -> list[StampedLine]:
    try:
        text = read_text(path, _SIZE_LIMIT)
    except Unreadable:
        return []  # not text, so nothing of ours is in it; other checks name the file
    if "versions-key:" not in text:
        return []
    lines = text.splitlines(keepends=True)
    found = []
    for index, line in enumerate(lines):
        fresh, stamped = _stamp_line(path, index + 1, line, versions)
        lines[index] = fresh
        found += [stamped] if stamped else []
    if write and any(not stamped.fault for stamped in found):
        _replace(path, "".join(lines))
    return found


def _stamp_line(path: Path, number: int, line: str, versions: Mapping[str, str]) -> tuple[str, StampedLine | None]:
    body = line.rstrip("\r\n")
    mark = _MARK.search(body)
    if mark is None:
        return line, None
    key = mark["key"]
    if key not in versions:
        fault = f"{key} is no key of {VERSIONS} ({nearest_hint(key, versions)})"
        return line, StampedLine(path=path, line=number, key=key, fault=fault)
    parts = _LINE.fullmatch(body[: mark.start()])
    if parts is None:
        fault = "a marked line must end with its value, then the mark"
        return line, StampedLine(path=path, line=number, key=key, fault=fault)
    wanted = versions[key]
    if parts["value"] == wanted:
        return line, None
    fresh = f"{parts['before']}{wanted}{parts['after']}{line[mark.start() :]}"
    return fresh, StampedLine(path=path, line=number, key=key, found=parts["value"], wanted=wanted)


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8", newline="") as stream:
        stream.write(text)
    part.chmod(path.stat().st_mode & 0o7777)
    part.replace(path)
