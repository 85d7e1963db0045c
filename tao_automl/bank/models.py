"""Names that people use for a model, and the image that it runs in."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tao_automl.bank.catalog import SkillSummary, find_bank_root, list_skills
from tao_automl.bank.declarations import Skill
from tao_automl.bank.skill import read_skill_info
from tao_automl.bank.versions import VERSIONS, read_versions
from tao_automl.errors import SkillError

NEAREST = 3


class UnknownModel(SkillError):
    """No model skill has this name; `nearest` holds up to three that resemble it."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        super().__init__(f"{name!r}: no such model skill", f"nearest: {', '.join(nearest) or 'none'}")
        self.nearest = nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """What an action runs in: an image, or None for native code. `key` names its pin in versions.yaml."""

    runtime: str
    image: str | None = None
    key: str | None = None
    pinned: bool = False


def resolve_model(name: str, root: Path | None = None) -> tuple[SkillSummary, str]:
    """The skill of this name, `network_arch` or alias, and which of them matched; case, ``_`` and spaces do not count.

    Raises UnknownModel with the nearest three, and SkillError for a name that several skills share.
    """
    skills = list_skills(root or find_bank_root())
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
    one, other = _plain(name), _plain(known)
    words, others = set(one.split("-")), set(other.split("-")) - {"tao", "train", "finetune"}
    shared = len(words & others) / max(1, len(words | others))
    inside = 0.5 if one and (one in other or other in one) else 0.0
    return difflib.SequenceMatcher(None, one, other).ratio() + shared + inside


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", "-", name.strip().lower())


def resolve_image(skill: Skill, action: str, root: Path) -> ImageChoice:
    """The image of an action, and its pin; None for a Python script of the skill. Raises SkillError for a command of
    an image that nobody knows."""
    declared = skill.action(action)
    image = declared.container_image or skill.container_image
    if image is None and declared.python_script is None:
        raise SkillError(f"{skill.name}: {action} needs a container image, and none is public", _reason(skill))
    if image is None:
        return ImageChoice(runtime=skill.runtime)
    pins = _pins(root)
    named = skill.image_key if declared.container_image is None else None
    key = named or next((key for key, value in pins.items() if value == image), None)
    return ImageChoice(runtime=skill.runtime, image=image, key=key, pinned=key is not None and pins.get(key) == image)


def _reason(skill: Skill) -> str:
    info: Any = read_skill_info(skill.path).value
    return str(info.get("x_automl_disabled_reason") or "it cannot be run; choose another model")


def _pins(root: Path) -> Mapping[str, str]:
    return read_versions(root) if (root / VERSIONS).is_file() else {}
