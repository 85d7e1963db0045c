"""A skill's identity: what a run depends on, hashed."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from tao_automl.errors import SkillError

_FOLDERS = ("references", "schemas", "scripts")
_NO_INFLUENCE = (".md", ".pyc", ".pyo")


def skill_digest(folder: Path) -> str:
    """SHA-256 over names and contents below references, schemas and scripts.

    Prose, caches and hidden files are left out, and so is where the folder lies: a copied skill keeps its digest.
    """
    digest = hashlib.sha256()
    try:
        for name, path in sorted(_files(folder)):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
    except OSError as error:
        raise SkillError(f"{folder}: the skill's files must be readable: {error}") from error
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for top in _FOLDERS:
        for parent, folders, names in os.walk(folder / top):
            folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                if not name.startswith(".") and not name.endswith(_NO_INFLUENCE) and path.is_file():
                    yield path.relative_to(folder).as_posix(), path
