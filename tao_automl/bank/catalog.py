"""Finding the bank and the skills in it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.bank.located_yaml import Document
from tao_automl.bank.skill import SKILL_INFO, read_skill_info
from tao_automl.domain.nearest import nearest_names
from tao_automl.errors import SkillError

BANK_VARIABLE = "TAO_SKILL_BANK_PATH"
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillSummary:
    """What a catalog shows of a model skill; `fault` is set when its skill_info.yaml cannot be read."""

    name: str
    path: Path
    network_arch: str = ""
    aliases: tuple[str, ...] = ()
    automl_enabled: bool = False
    runtime: str = ""
    actions: tuple[str, ...] = ()
    fault: str = ""

    @property
    def known_as(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.name, self.path.name, self.network_arch, *self.aliases)))


def find_bank_root() -> Path:
    """The folder that holds `skills/`.

    TAO_SKILL_BANK_PATH decides if it is set; else the folder around the package, else the copy inside it.
    """
    named = os.environ.get(BANK_VARIABLE)
    if named:
        root = Path(named).expanduser()
        if not (root / "skills").is_dir():
            raise SkillError(
                f"{BANK_VARIABLE} must name a folder with skills/ in it, got {named}", "point it at the bank"
            )
        return root
    for root in (_PACKAGE.parent, _PACKAGE / "_bank"):
        if (root / "skills" / "models").is_dir():
            return root
    raise SkillError(
        "no skill bank was found beside or inside the package", f"set {BANK_VARIABLE} to the folder that holds skills/"
    )


def list_skills(root: Path | None = None) -> tuple[SkillSummary, ...]:
    """All model skills of the bank, by name. A broken skill is listed with its fault."""
    models = (root or find_bank_root()) / "skills" / "models"
    if not models.is_dir():
        return ()
    return tuple(_summary(folder) for folder in sorted(models.iterdir()) if (folder / SKILL_INFO).exists())


def _summary(folder: Path) -> SkillSummary:
    try:
        document = read_skill_info(folder)
    except SkillError as error:
        return SkillSummary(name=folder.name, path=folder, fault=error.message)
    return _read_summary(folder, document)


def _read_summary(folder: Path, document: Document) -> SkillSummary:
    info: Any = document.value if isinstance(document.value, dict) else {}
    aliases, actions = info.get("aliases"), info.get("actions")
    return SkillSummary(
        name=folder.name,
        path=folder,
        network_arch=str(info.get("network_arch") or ""),
        aliases=tuple(map(str, aliases)) if isinstance(aliases, list) else (),
        automl_enabled=info.get("automl_enabled") is True,
        runtime=str(info.get("runtime") or ("container" if info.get("container_image") else "python")),
        actions=tuple(actions) if isinstance(actions, dict) else (),
    )


def find_skill(name_or_path: str | Path, root: Path | None = None) -> Path:
    """The folder of a skill, by folder name, `network_arch`, alias or path.

    Raises SkillError with the nearest names, and for a name that several skills share.
    """
    path = Path(name_or_path).expanduser()
    if (path / SKILL_INFO).exists():
        return path
    if path.is_absolute() or len(path.parts) > 1:
        raise SkillError(f"{path}: a model skill must have {SKILL_INFO.as_posix()}, found none")
    wanted = str(name_or_path)
    direct = (root or find_bank_root()) / "skills" / "models" / wanted
    if wanted and (direct / SKILL_INFO).exists():
        return direct
    return _by_name(wanted, list_skills(root))


def _by_name(wanted: str, skills: Iterable[SkillSummary]) -> Path:
    skills = tuple(skills)
    found = [skill for skill in skills if wanted.lower() in {name.lower() for name in skill.known_as}]
    if len(found) > 1:
        raise SkillError(
            f"{wanted}: must name one skill, names {', '.join(s.name for s in found)}", "use the folder's name"
        )
    if not found:
        near = nearest_names(wanted, [name for skill in skills for name in skill.known_as])
        listed = near or [skill.name for skill in skills][:10]
        raise SkillError(
            f"{wanted!r}: no such model skill", f"{'nearest' if near else 'known'}: {', '.join(listed) or 'none'}"
        )
    return found[0].path
