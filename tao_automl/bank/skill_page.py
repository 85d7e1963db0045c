"""SKILL.md of any layer: its front matter and its text, and finding all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.bank.files import Unreadable, read_text
from tao_automl.bank.located_yaml import parse_yaml
from tao_automl.errors import SkillError

PAGE = "SKILL.md"
LAYERS = ("core", "applications", "platform", "models")
_SIZE_LIMIT = 1_000_000
_FRONT_LIMIT = 16_000
_FENCE = "---"


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillPage:
    """A SKILL.md. `body_line` is the number of the first line after the front matter."""

    path: Path
    front: Mapping[str, Any]
    lines: tuple[str, ...]
    body_line: int

    @property
    def name(self) -> str:
        return str(self.front.get("name") or self.path.parent.name)

    @property
    def description(self) -> str:
        return " ".join(str(self.front.get("description") or "").split())

    @property
    def body(self) -> str:
        return "\n".join(self.lines[self.body_line - 1 :])

    def line_of(self, key: str) -> int:
        """Where the front matter has a key; its first line if it does not."""
        for number, line in enumerate(self.lines[: self.body_line - 1], 1):
            if line.startswith(f"{key}:"):
                return number
        return 1


def read_page(path: Path) -> SkillPage:
    """Raises SkillError with file, line and law."""
    try:
        lines = tuple(read_text(path, _SIZE_LIMIT).splitlines())
    except Unreadable as error:
        raise SkillError(f"{path}:1: {error}") from error
    if not lines or lines[0].rstrip() != _FENCE:
        raise SkillError(f"{path}:1: must begin with front matter between two lines of ---")
    end = next((index for index, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise SkillError(f"{path}:1: the front matter must end with a line of ---")
    return SkillPage(path=path, front=_front(path, "\n".join(lines[1:end])), lines=lines, body_line=end + 2)


def _front(path: Path, text: str) -> Mapping[str, Any]:
    if len(text) > _FRONT_LIMIT:
        raise SkillError(f"{path}:1: the front matter must be at most {_FRONT_LIMIT:,} characters, got {len(text):,}")
    try:
        value: Any = parse_yaml(path, f"\n{text}").value  # its first line is the file's second
    except Unreadable as error:
        line, _, law = str(error).removeprefix("line ").partition(": ")
        placed = f"{path}:{line}: {law}" if line.isdecimal() else f"{path}:1: {error}"
        raise SkillError(f"{placed} (in the front matter)") from error
    if not isinstance(value, dict):
        raise SkillError(f"{path}:2: the front matter must be a mapping with text keys")
    return value


def skill_folders(root: Path) -> tuple[Path, ...]:
    """The folders of all skills: those of each layer of ``skills/``, in the order of `LAYERS`."""
    return tuple(
        folder
        for layer in LAYERS
        for folder in sorted((root / "skills" / layer).glob("*"))
        if folder.is_dir() and not folder.name.startswith((".", "_"))
    )
