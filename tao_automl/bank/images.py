"""The image that an action of a model runs in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tao_automl.bank.declarations import Skill
from tao_automl.bank.versions import VERSIONS, read_versions
from tao_automl.errors import SkillError


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChoice:
    """What an action runs in: an image, or None for native code. `key` names its pin in versions.yaml."""

    runtime: str
    image: str | None = None
    key: str | None = None
    pinned: bool = False


def resolve_image(skill: Skill, action: str, root: Path) -> ImageChoice:
    """The image of an action, and its pin; None for a Python script of the skill. Raises SkillError for a command of
    an image that nobody knows."""
    declared = skill.action(action)
    image = declared.container_image or skill.container_image
    if image is None and declared.python_script is None:
        hint = skill.disabled_reason or "it cannot be run; choose another model"
        raise SkillError(f"{skill.name}: {action} needs a container image, and none is public", hint)
    if image is None:
        return ImageChoice(runtime=skill.runtime)
    pins = _pins(root)
    named = skill.image_key if declared.container_image is None else None
    key = named or next((key for key, value in pins.items() if value == image), None)
    return ImageChoice(runtime=skill.runtime, image=image, key=key, pinned=key is not None and pins.get(key) == image)


def _pins(root: Path) -> Mapping[str, str]:
    return read_versions(root) if (root / VERSIONS).is_file() else {}
