#!/usr/bin/env python3
"""Print the value of one key of versions.yaml. Needs nothing installed, so that it can say what to install.

pip install "$(scripts/resolve_versions_key.py wheels.tao_automl_slurm)"
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from _door import HERE, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("key", metavar="KEY", help="a dotted key, such as images.tao_toolkit.pyt")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    try:
        from tao_automl.bank.versions import resolve_version
    except ImportError as error:
        value = plain_lookup(arguments.key)
        if value is None:
            raise LookupError(f"{arguments.key!r} is no key of versions.yaml") from error
    else:
        value = resolve_version(arguments.key, bank_root())
    return {"key": arguments.key, "value": value}, value, 0


def plain_lookup(key: str) -> str | None:
    """The value, by reading the file as what it is: nested keys, indented, each with one word of text."""
    root = Path(os.environ.get("TAO_SKILL_BANK_PATH") or HERE.parent).expanduser()
    above: list[tuple[int, str]] = []
    for line in (root / "versions.yaml").read_text(encoding="utf-8").splitlines():
        text = line.partition(" #")[0].rstrip()
        name, colon, value = text.strip().partition(":")
        if not colon or name.startswith("#"):
            continue
        indent = len(text) - len(text.lstrip())
        above = [(depth, part) for depth, part in above if depth < indent]
        above.append((indent, name))
        if value and ".".join(part for _, part in above) == key:
            return value.strip().strip("\"'")
    return None


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
