"""What a model skill is made of: a facts file, an overlay and the pins of versions.yaml."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FACTS = ROOT / "skills" / "sources" / "tao"
OVERLAYS = FACTS / "overlay"
SKILLS = ROOT / "skills" / "models"
COMMON = FACTS / "common.yaml"


class SourceError(Exception):
    """A facts file or an overlay that cannot be used; the message names file, key and law."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One model. `overlay` wins over `common`, and both win over `facts`."""

    name: str
    facts: Mapping[str, Any]
    overlay: Mapping[str, Any]
    common: Mapping[str, Any]
    images: Mapping[str, str]

    def fault(self, text: str) -> SourceError:
        return SourceError(f"{OVERLAYS / self.name}.yaml: {text}")

    @property
    def knows_null(self) -> bool:
        """TOML has no null: there a key without a value is left out."""
        return all(action.get("config_format") != "toml" for action in self.facts["actions"].values())

    def parameters(self, action: str) -> list[dict[str, Any]]:
        """The parameters that the facts list for an action; a name instead of a list stands for that action's."""
        declared = self.facts.get("schemas", {}).get(action, {}).get("parameters", [])
        return self.parameters(declared) if isinstance(declared, str) else [dict(entry) for entry in declared]

    def image(self) -> tuple[str, str] | None:
        """The version key and the literal; None when there is no public image."""
        key = self.overlay.get("image_key", self.facts.get("image_key"))
        if not key:
            return None
        if key not in self.images:
            raise self.fault(f"image_key must be a key of versions.yaml, got {key!r}")
        return key, self.images[key]

    def key_of(self, literal: str) -> str:
        for key, image in self.images.items():
            if image == literal:
                return key
        raise self.fault(f"the image {literal!r} must be pinned in versions.yaml")


def load_sources(only: str | None = None) -> list[Source]:
    """All models with an overlay, by name. Raises SourceError."""
    names = sorted(path.stem for path in OVERLAYS.glob("*.yaml"))
    if only is not None:
        if only not in names:
            raise SourceError(f"--only must name a model with an overlay, got {only!r}; there are: {', '.join(names)}")
        names = [only]
    common, images = _mapping(COMMON), _flat(_mapping(ROOT / "versions.yaml"))
    return [
        Source(
            name=name,
            facts=json.loads((FACTS / f"{name}.json").read_text(encoding="utf-8")),
            overlay=_mapping(OVERLAYS / f"{name}.yaml"),
            common=common,
            images=images,
        )
        for name in names
    ]


def _mapping(path: Path) -> dict[str, Any]:
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise SourceError(f"{path}: must be a mapping, got {type(value).__name__}")
    return value


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        found |= _flat(value, name) if isinstance(value, Mapping) else {name: str(value)}
    return found
