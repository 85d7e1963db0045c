"""Checks a spec against the skill's schema and fills in the defaults written there.

The schema is the only place that knows types, bounds and defaults; an action's template says which keys the action
has. This small reader of the schema's own vocabulary stands in for the jsonschema package, so that a training
container needs only PyYAML for it.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from causal_lm.errors import SpecError

SKILL = Path(__file__).resolve().parents[2]

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def load_spec(config: Path, action: str) -> dict[str, Any]:
    """The nested spec with every key of the action. Raises SpecError for whatever the schema does not allow."""
    schema = json.loads((SKILL / "schemas" / "train.schema.json").read_text(encoding="utf-8"))
    template = _read_yaml(SKILL / "references" / f"spec_template_{action}.yaml")
    return _section(_read_yaml(config), _laws_of(template, schema), at="", file=str(config))


def defaults(action: str) -> dict[str, Any]:
    """Dotted name -> value of every key of the action that a spec may leave out."""
    return dict(flatten(_read_yaml(SKILL / "references" / f"spec_template_{action}.yaml")))


def flatten(section: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every leaf."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value


def _laws_of(template: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the schema that speaks of the template's keys: a mapping per section, a law per leaf."""
    laws = schema["properties"]
    return {
        key: {"section": _laws_of(below, laws[key])} if isinstance(below, dict) else laws[key]
        for key, below in template.items()
    }


def _read_yaml(config: Path) -> Any:
    try:
        return yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise SpecError(
            f"{config}: cannot be read: {error.strerror or error}", "pass the spec with --config FILE"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"{config}: not valid YAML: {error}") from None


def _section(given: Any, laws: Mapping[str, Any], *, at: str, file: str) -> dict[str, Any]:
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise SpecError(f"{file}: {at or 'the spec'} must be a mapping of settings, got {given!r:.80}")
    for key in given:
        if key not in laws:
            raise _unknown(str(key), laws, at=at, file=file)
    return {key: _entry(given, key, law, at=at, file=file) for key, law in laws.items()}


def _entry(given: Mapping[str, Any], key: str, law: Mapping[str, Any], *, at: str, file: str) -> Any:
    name = f"{at}.{key}" if at else key
    if "section" in law:
        return _section(given.get(key), law["section"], at=name, file=file)
    if key not in given:
        return law["default"]
    kinds = [law["type"]] if isinstance(law["type"], str) else list(law["type"])
    value = _as_meant(given[key], kinds)
    broken = _broken_law(value, law, kinds)
    if broken:
        raise SpecError(f"{file}: {name} must be {broken}, got {given[key]!r:.80}")
    return value


def _unknown(key: str, laws: Mapping[str, Any], *, at: str, file: str) -> SpecError:
    prefix = f"{at}." if at else ""
    near = difflib.get_close_matches(key, list(laws), n=1)
    return SpecError(
        f"{file}: unknown setting {prefix}{key}" + (f"; did you mean {prefix}{near[0]}?" if near else ""),
        f"allowed in {at or 'the spec'}: {', '.join(sorted(laws))}",
    )


def _as_meant(value: Any, kinds: list[str]) -> Any:
    """YAML 1.1 reads `1e-4` as text; 3 is a fine number, and 3.0 a fine integer."""
    if isinstance(value, str) and "number" in kinds:
        try:
            return float(value)
        except ValueError:
            return value
    if isinstance(value, float) and "integer" in kinds and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in kinds:
        return float(value)
    return value


def _broken_law(value: Any, law: Mapping[str, Any], kinds: list[str]) -> str:
    """What the schema asks for and `value` is not, or an empty string."""
    if not any(_is(value, kind) for kind in kinds):
        return " or ".join(kinds)
    if "enum" in law and value not in law["enum"]:
        return "one of " + ", ".join(str(option) for option in law["enum"])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if not math.isfinite(value):
        return "finite"
    if value < law.get("minimum", -math.inf):
        return f">= {law['minimum']}"
    if value > law.get("maximum", math.inf):
        return f"<= {law['maximum']}"
    return ""


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return kind == "boolean" and isinstance(value, bool)
    return isinstance(value, _KINDS[kind])
