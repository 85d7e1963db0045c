"""Finding the bank and the skills in it, by any name that people use."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.bank.files import exists
from tao_automl.bank.located_yaml import Document
from tao_automl.bank.skill import SKILL_INFO, read_skill_info
from tao_automl.errors import SkillError

BANK_VARIABLE = "TAO_SKILL_BANK_PATH"
NEAREST = 3
_PACKAGE = Path(__file__).resolve().parent.parent
_EVERYDAY = re.compile(r"^(tao-)?(train|finetune)-")  # what most names begin with, and a question may leave out


class UnknownModel(SkillError):
    """No model skill has this name; `nearest` holds up to three that resemble it."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        super().__init__(f"{name!r}: no such model skill", f"nearest: {', '.join(nearest) or 'none'}")
        self.nearest = nearest


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
    """The folder of a skill, by path, folder name, `network_arch` or alias.

    Raises UnknownModel with the nearest three, and SkillError for a name that several skills share.
    """
    path = path_of(name_or_path)
    if exists(path / SKILL_INFO):
        return path
    if path.is_absolute() or len(path.parts) > 1:
        raise SkillError(f"{path}: a model skill must have {SKILL_INFO.as_posix()}, found none")
    wanted = str(name_or_path)
    direct = (root or find_bank_root()) / "skills" / "models" / wanted
    if wanted and exists(direct / SKILL_INFO):
        return direct
    return resolve_model(wanted, root)[0].path


def path_of(name: str | Path) -> Path:
    """`name` as a path; ``~`` stands for a home where there is one."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def resolve_model(name: str, root: Path | None = None) -> tuple[SkillSummary, str]:
    """The skill of this name, `network_arch` or alias, and which of them matched; case, ``_`` and spaces do not count.

    Raises UnknownModel with the nearest three, and SkillError for a name that several skills share.
    """
    skills = list_skills(root)
    wanted = _plain(name)
    found = [(skill, known) for skill in skills for known in skill.known_as if _plain(known) == wanted]
    exact = [pair for pair in found if pair[0].path.name == name]
    models = {skill.path for skill, _ in found}
    if exact or len(models) == 1:
        return (exact or found)[0]
    if found:
        shared = ", ".join(sorted(path.name for path in models))
        raise SkillError(f"{name!r}: must name one model, names {shared}", "use the skill's name")
    raise UnknownModel(name, nearest_models(name, skills))


def nearest_models(name: str, skills: Iterable[SkillSummary]) -> tuple[str, ...]:
    """Up to three different skills whose names or aliases resemble `name` most."""
    scores = [(max(_likeness(name, known) for known in skill.known_as), skill.path.name) for skill in skills]
    return tuple(found for _, found in sorted(scores, key=lambda pair: (-pair[0], pair[1]))[:NEAREST])


def _likeness(name: str, known: str) -> float:
    """A word of one that is in the other counts for more than letters that happen to agree."""
    one, other = _EVERYDAY.sub("", _plain(name)), _EVERYDAY.sub("", _plain(known))
    words, others = set(one.split("-")), set(other.split("-"))
    shared = len(words & others) / max(1, len(words | others))
    inside = 0.5 if one and (one in other or other in one) else 0.0
    return difflib.SequenceMatcher(None, one, other).ratio() + shared + inside


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "-", name.strip().lower())
