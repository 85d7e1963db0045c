#!/usr/bin/env python3
"""Bring data to a place that jobs can read, once, and record where it came from.

  stage_data.py copy SOURCE DEST     a file or folder of this machine or a mount; run again to go on after a crash
  stage_data.py record SOURCE DEST   count DEST, which another tool has filled from SOURCE (a path or a URI)
  stage_data.py verify DEST          compare DEST with what was recorded when it was staged

DEST.staged.json beside DEST says that the copy is complete; it is written last. --record FILE adds the entry to a run's
evaluations/data_staging.json too. Exit codes: 0 done, 2 you must act, 3 the disk or a mount failed.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

URI = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
BY_HAND = {"s3": "aws s3 sync {source} {dest}", "gs": "gcloud storage rsync -r {source} {dest}"}


class MustActError(Exception):
    """What the user has to do: message and hint."""


def files_of(path: Path) -> list[tuple[str, int]]:
    """(relative path, size) of every file; of a single file, its name. Links are followed."""
    if path.is_file():
        return [(path.name, path.stat().st_size)]
    found = [
        (Path(folder, name).relative_to(path).as_posix(), Path(folder, name).stat().st_size)
        for folder, _, names in os.walk(path, followlinks=True, onerror=_raise)
        for name in names
        if not name.endswith(".part")
    ]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def manifest(files: list[tuple[str, int]]) -> str:
    """SHA-256 over names and sizes."""
    return hashlib.sha256("".join(f"{name}\t{size}\n" for name, size in files).encode()).hexdigest()


def entry(source: str, dest: Path, method: str, files: list[tuple[str, int]]) -> dict[str, Any]:
    """What is recorded of a staged path."""
    return {
        "source": source,
        "staged_path": str(dest),
        "method": method,
        "files": len(files),
        "bytes": sum(size for _, size in files),
        "manifest_sha256": manifest(files),
        "staged_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def marker_of(dest: Path) -> Path:
    return dest.with_name(dest.name + ".staged.json")


def copy(source: str, dest: Path, *, dry_run: bool) -> dict[str, Any]:
    """Copies what is missing, or differs in size or time; every file appears whole or not at all."""
    scheme = URI.match(source)
    if scheme:
        command = BY_HAND.get(source.split(":", 1)[0].lower(), "the store's own tool, into {dest}")
        command = command.format(source=source, dest=dest)
        raise MustActError(f"{source}: only paths are copied", f"run: {command}; then: record {source} {dest}")
    origin = Path(source).expanduser().absolute()
    if not origin.exists():
        raise MustActError(f"{origin}: no such file or folder", "is the mount there?")
    if dest == origin or origin in dest.parents or dest in origin.parents:
        raise MustActError(f"{dest} and {origin} lie in each other", "stage to a place of its own")
    if dest.exists() and dest.is_dir() != origin.is_dir():
        raise MustActError(f"{dest}: a {'folder' if dest.is_dir() else 'file'} is in the way", "name another place")
    files = files_of(origin)
    if not files:
        raise MustActError(f"{origin}: there are no files in it", "name the data set")
    todo = [(n, size) for n, size in files if not _same(_source(origin, n), _target(dest, n, origin))]
    _check_room(dest, sum(size for _, size in todo))
    if dry_run:
        return entry(source, dest, "copied", files) | {"to_copy": len(todo)}
    marker_of(dest).unlink(missing_ok=True)
    for name, _ in todo:
        _copy_file(_source(origin, name), _target(dest, name, origin))
    there = files_of(dest) if origin.is_dir() else [(origin.name, dest.stat().st_size)]
    extra = sorted({name for name, _ in there} - {name for name, _ in files})
    if extra:
        raise MustActError(
            f"{dest}: {len(extra)} files are not in the source, first {extra[0]}", "stage to a new place"
        )
    if there != files:
        raise OSError(f"{dest}: the copy differs from the source; it may have changed meanwhile")
    return entry(source, dest, "copied", files)


def _target(dest: Path, name: str, origin: Path) -> Path:
    return dest / name if origin.is_dir() else dest


def _source(origin: Path, name: str) -> Path:
    return origin / name if origin.is_dir() else origin


def _same(source: Path, target: Path) -> bool:
    """By size and time, to the two seconds that some file systems keep."""
    if not target.is_file():
        return False
    a, b = source.stat(), target.stat()
    return a.st_size == b.st_size and abs(a.st_mtime - b.st_mtime) <= 2


def _check_room(dest: Path, needed: int) -> None:
    there = next(folder for folder in (dest, *dest.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise MustActError(
            f"{there}: {needed} bytes are needed, {free} are free", "free some space, or stage elsewhere"
        )


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    shutil.copy2(source, partial)
    partial.replace(target)


def record(source: str, dest: Path) -> dict[str, Any]:
    """Counts what is there."""
    if not dest.exists():
        raise MustActError(f"{dest}: no such file or folder", "bring the data first")
    files = files_of(dest)
    if not files:
        raise MustActError(f"{dest}: there are no files in it", "the copy brought nothing")
    return entry(source, dest, "recorded", files)


def verify(dest: Path) -> dict[str, Any]:
    """The recorded entry, if what is there is still what was staged."""
    if not marker_of(dest).is_file():
        raise MustActError(f"{dest}: nothing says that it is complete", "copy or record it again")
    recorded: dict[str, Any] = json.loads(marker_of(dest).read_text(encoding="utf-8"))
    files = files_of(dest) if dest.exists() else []
    found = manifest(_as_staged(files, recorded)), len(files)
    if found != (recorded["manifest_sha256"], recorded["files"]):
        raise MustActError(f"{dest}: {len(files)} files, {recorded['files']} were staged", "copy it again")
    return recorded


def _as_staged(files: list[tuple[str, int]], recorded: dict[str, Any]) -> list[tuple[str, int]]:
    """A single file may have another name than its source; the source's was recorded."""
    if recorded["method"] == "copied" and Path(recorded["staged_path"]).is_file():
        return [(Path(recorded["source"]).name, size) for _, size in files]
    return files


def add_to_record(file: Path, made: dict[str, Any]) -> None:
    """The entry replaces an earlier one of the same staged path."""
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"staged": []}
    kept = [old for old in before["staged"] if old["staged_path"] != made["staged_path"]]
    write(file, {**before, "staged": [*kept, made]})


def write(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}.part")
    partial.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(file)


def perform(given: argparse.Namespace) -> dict[str, Any]:
    """What was asked for; returns the entry."""
    dest = given.dest.expanduser().absolute()
    if given.what == "verify":
        return verify(dest)
    copying = given.what == "copy"
    made = copy(given.source, dest, dry_run=given.dry_run) if copying else record(given.source, dest)
    if not given.dry_run:
        write(marker_of(dest), made)
        if given.record:
            add_to_record(given.record, made)
    return made


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(dest="what", required=True)
    for name in ("copy", "record", "verify"):
        command = commands.add_parser(name)
        if name != "verify":
            command.add_argument("source", help="a path; for record also a URI")
        command.add_argument("dest", type=Path, help="where jobs will read it")
        command.add_argument("--format", choices=("text", "json"), default="text", help="json: one document on stdout")
        if name != "verify":
            command.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
            command.add_argument("--record", type=Path, metavar="FILE", help="a run's evaluations/data_staging.json")
    return made


def sentence(made: dict[str, Any], given: argparse.Namespace) -> str:
    verb = "complete:" if given.what == "verify" else "would stage" if given.dry_run else "staged"
    return f"{verb} {made['staged_path']}: {made['files']} files, {made['bytes']} bytes, from {made['source']}"


def main() -> int:
    given = parser().parse_args()
    try:
        made = perform(given)
    except MustActError as error:
        message, hint = error.args
        print(f"error: {message}\nhint: {hint}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error}\nhint: check the disk or the mount, then run the same command again", file=sys.stderr)
        return 3
    print(json.dumps(made, indent=2) if given.format == "json" else sentence(made, given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
