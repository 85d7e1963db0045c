#!/usr/bin/env python3
"""Write what lists the skills: the catalog page docs/skills.md, and the links in .agents/skills.

--check writes nothing and exits with 2 if one of them is out of date. Run it after adding or renaming a skill.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _door import ACT, READY, Answer, answer, bank_root, options


def parser() -> argparse.ArgumentParser:
    found = options(__doc__)
    found.add_argument("--check", "--dry-run", dest="check", action="store_true", help="only say what would change")
    return found


def work(arguments: argparse.Namespace) -> Answer:
    from tao_automl.bank.overview import CATALOG, LINKS, agent_links, catalog_page

    root = bank_root()
    page, links = catalog_page(root), agent_links(root)
    changed = [CATALOG.as_posix()] if not is_written(root / CATALOG, page) else []
    present = {path.name: path for path in (root / LINKS).glob("*")}
    wrong = [name for name, path in present.items() if name not in links or not is_link(path, links[name])]
    changed += [(LINKS / name).as_posix() for name in sorted({*wrong, *(set(links) - set(present))})]
    if not arguments.check:
        write_page(root / CATALOG, page)
        write_links(root / LINKS, links, [present[name] for name in wrong])
    code = ACT if arguments.check and changed else READY
    verb = "out of date" if arguments.check else "written"
    text = "\n".join(f"{verb}: {name}" for name in changed) or "up to date"
    return {"ok": code == READY, "written": not arguments.check, "changed": changed}, text, code


def is_written(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def is_link(path: Path, target: str) -> bool:
    return path.is_symlink() and path.readlink().as_posix() == target


def write_page(path: Path, text: str) -> None:
    if not is_written(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_links(folder: Path, links: dict[str, str], wrong: list[Path]) -> None:
    """Only links are replaced or removed; anything else that is there is somebody's."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in wrong:
        if path.is_symlink():
            path.unlink()
    for name, target in links.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target, target_is_directory=True)


if __name__ == "__main__":
    raise SystemExit(answer(parser(), work))
