"""The spec file, read against the skill's schema: names, types, bounds and defaults live there and nowhere else."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from tabular.faults import UserFault, nearest

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "schemas" / "train.schema.json"
Value: TypeAlias = bool | int | float | str | list[str] | None
Property: TypeAlias = Mapping[str, Any]


class _Mismatch(Exception):
    """A value is not what its property asks for; the text completes "KEY: …"."""


@cache
def properties() -> dict[str, Property]:
    """Every setting of the skill by dotted name, in the order of the schema."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return dict(_flatten_schema("", schema["properties"]))


def _flatten_schema(prefix: str, nested: Mapping[str, Any]) -> Iterator[tuple[str, Property]]:
    for name, prop in nested.items():
        if "properties" in prop:
            yield from _flatten_schema(f"{prefix}{name}.", prop["properties"])
        else:
            yield prefix + name, prop


@dataclass(frozen=True)
class Spec:
    """Checked settings by dotted name; what the file left out has its default."""

    values: Mapping[str, Value]

    def text(self, name: str) -> str:
        return str(self.values[name])

    def number(self, name: str) -> float:
        value = self.values[name]
        assert isinstance(value, int | float)
        return float(value)

    def integer(self, name: str) -> int:
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def flag(self, name: str) -> bool:
        return bool(self.values[name])

    def names(self, name: str) -> tuple[str, ...]:
        value = self.values[name]
        assert isinstance(value, list)
        return tuple(value)

    def optional(self, name: str) -> str | None:
        """A text or None; an empty text counts as None."""
        value = self.values[name]
        return str(value) if value else None

    def path(self, name: str) -> Path | None:
        value = self.optional(name)
        return Path(value).expanduser() if value else None

    def threads(self) -> int | None:
        """`train.num_threads`, which all actions obey; None follows the environment."""
        value = self.values["train.num_threads"]
        return value if isinstance(value, int) else None

    def required_path(self, name: str) -> Path:
        path = self.path(name)
        if path is None:
            raise UserFault(f"{name}: a path is needed, got null", f"set {name} in the spec file")
        return path

    def is_active(self, name: str) -> bool:
        """Whether the conditions of `name`, and those of the settings it depends on, hold."""
        conditions: Mapping[str, list[Value]] = properties()[name].get("depends_on", {})
        return all(self.values[parent] in allowed and self.is_active(parent) for parent, allowed in conditions.items())

    def active(self, *groups: str) -> dict[str, Value]:
        """The settings below `groups` (such as "model") that have an effect on this configuration."""
        return {n: v for n, v in self.values.items() if n.split(".")[0] in groups and self.is_active(n)}


def load_spec(path: Path) -> Spec:
    """Read a YAML spec. Raises UserFault for a file that cannot be read, an unknown key or a value out of bounds."""
    given = dict(_flatten_spec("", _read_yaml(path), path))
    values: dict[str, Value] = {}
    for name, prop in properties().items():
        try:
            values[name] = _checked(given[name], prop) if name in given else prop["default"]
        except _Mismatch as mismatch:
            raise UserFault(f"{path}: {name}: {mismatch}", prop["description"]) from None
    return Spec(values)


def _read_yaml(path: Path) -> Mapping[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserFault(f"{path}: cannot be read: {error.strerror}", "pass the spec file as --config FILE") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserFault(f"{path}: is not valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserFault(f"{path}: a mapping of settings is needed, got {type(content).__name__}")
    return content


def _flatten_spec(prefix: str, nested: Mapping[Any, Any], path: Path) -> Iterator[tuple[str, Any]]:
    groups = {name.rpartition(".")[0] for name in properties()} - {""}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if name in properties():
            yield name, value
        elif name not in groups:
            raise _unknown_key(name, prefix, path)
        elif isinstance(value, dict):
            yield from _flatten_spec(f"{name}.", value, path)
        elif value is not None:
            raise UserFault(f"{path}: {name}: a mapping of settings is needed, got {value!r}")


def _unknown_key(name: str, prefix: str, path: Path) -> UserFault:
    siblings = list(dict.fromkeys(n.removeprefix(prefix).split(".")[0] for n in properties() if n.startswith(prefix)))
    message = f"{path}: unknown key {name!r}{nearest(name, properties())}"
    return UserFault(message, f"allowed {'in ' + prefix[:-1] if prefix else 'at the top'}: {', '.join(siblings)}")


def _checked(value: Any, prop: Property) -> Value:
    allowed = prop["type"] if isinstance(prop["type"], list) else [prop["type"]]
    if value is None and "null" in allowed:
        return None
    result = _CASTS[allowed[0]](value)
    if "enum" in prop and result not in prop["enum"]:
        options = ", ".join(map(str, prop["enum"]))
        raise _Mismatch(f"one of {options} is needed, got {value!r}{nearest(str(value), prop['enum'])}")
    if isinstance(result, int | float) and not isinstance(result, bool):
        _check_bounds(result, prop)
    return result


def _check_bounds(value: float, prop: Property) -> None:
    low, high = prop.get("minimum", -math.inf), prop.get("maximum", math.inf)
    if not low <= value <= high:
        raise _Mismatch(f"a value from {low:g} to {high:g} is needed, got {value!r}")


def _as_number(value: Any) -> Value:
    """YAML 1.1 reads 1e-3 as text, so text that spells a number is one."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _Mismatch(f"a finite number is needed, got {value!r}")
    return number


def _as_integer(value: Any) -> Value:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Mismatch(f"a whole number is needed, got {value!r}")
    return value


def _as_flag(value: Any) -> Value:
    if not isinstance(value, bool):
        raise _Mismatch(f"true or false is needed, got {value!r}")
    return value


def _as_text(value: Any) -> Value:
    """Numbers are welcome: a column may be named 7."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise _Mismatch(f"a text is needed, got {value!r}")
    return str(value)


def _as_names(value: Any) -> Value:
    if not isinstance(value, list):
        raise _Mismatch(f"a list of names is needed, got {value!r}")
    return [str(_as_text(item)) for item in value]


_CASTS = {"number": _as_number, "integer": _as_integer, "boolean": _as_flag, "string": _as_text, "array": _as_names}
