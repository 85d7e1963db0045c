"""Values as people type them on a command line: JSON, or a YAML 1.2 scalar or flow collection.

`1e-4` is a number and `no` is a word, unlike in YAML 1.1; quote a value to keep it text: ``--override name='"1"'``.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tao_automl.errors import SettingsError

WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}
SCALES = ("linear", "log", "logit", "power2")
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
_INTEGER = re.compile(r"[-+]?\d+")
_LIST_BEGINS = re.compile(r":(?=\s*\w+\s*=(?!=))")
_PAIR_BEGINS = re.compile(r",(?=\s*\w+\s*=)")


def parse_value(option: str, text: str) -> Any:
    """The JSON value that `text` stands for; anything that is not recognised is text. Raises SettingsError for a
    list, mapping or quotation that is not closed."""
    stripped = text.strip()
    if stripped[:1] in ("[", "{", '"', "'"):
        return _parse_flow(option, stripped)
    return parse_scalar(stripped)


def parse_scalar(text: str) -> Any:
    """A plain word: a number, true, false, null, or itself."""
    if text in WORDS:
        return WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def parse_pairs(option: str, pairs: Iterable[str]) -> dict[str, Any]:
    """`["a.b=1", "c=x"]` as `{"a.b": 1, "c": "x"}`. Raises SettingsError for a pair without `=` and for a name that
    comes twice."""
    found: dict[str, Any] = {}
    for name, text in _split_pairs(option, pairs):
        found[name] = parse_value(f"{option} {name}", text)
    return found


def parse_headed(option: str, head: str, text: str) -> dict[str, Any]:
    """``percentile:percentile=25,grace=2`` as ``{head: "percentile", "percentile": 25, "grace": 2}``. A colon that no
    ``KEY=`` follows belongs to the head: names of metrics may have some."""
    name, *listed = _LIST_BEGINS.split(text.strip(), maxsplit=1)
    if not name.strip():
        raise SettingsError(f"{option}: `NAME` or `NAME:KEY=VALUE,...` is needed, got {text!r:.80}")
    pairs = parse_pairs(f"{option} {name}", _PAIR_BEGINS.split(listed[0])) if listed else {}
    return {head: name.strip(), **pairs}


def parse_ranges(pairs: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`--range` options as `custom_param_ranges`: `lr=1e-5:1e-2:log`, `depth=2:9`, `kind=a,b,c`, or a JSON mapping."""
    return {name: _parse_range(name, text.strip()) for name, text in _split_pairs("--range", pairs)}


def _split_pairs(option: str, pairs: Iterable[str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise SettingsError(f"{option}: `NAME=VALUE` is needed, got {pair!r:.80}", "there are no spaces around `=`")
        if name in found:
            raise SettingsError(f"{option}: `{name}` is given twice: {found[name]!r:.40} and {text!r:.40}")
        found[name] = text
    return list(found.items())


def _parse_flow(option: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = _parse_yaml(option, text)
    if isinstance(value, Mapping | list):
        _refuse_infinite(option, value)
    return value


def _parse_yaml(option: str, text: str) -> Any:
    import yaml

    try:
        return _from_node(option, yaml.compose(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be read"
        fault = f"{option}: a value is needed, got {text!r:.80}: {problem}"
        raise SettingsError(fault, "close the quotation, list or mapping") from None


def _from_node(option: str, node: Any) -> Any:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _from_node(option, value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_from_node(option, item) for item in node.value]
    return node.value if node.style else parse_scalar(node.value)


def _refuse_infinite(option: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise SettingsError(f"{option}: numbers must be finite, got {value!r:.80}") from None


def _parse_range(name: str, text: str) -> dict[str, Any]:
    if text.startswith("{"):
        return dict(parse_value(f"--range {name}", text))
    if text.startswith("["):
        return {"valid_options": parse_value(f"--range {name}", text)}
    if "," in text:
        return {"valid_options": [parse_scalar(part.strip()) for part in text.split(",")]}
    return _parse_bounds(name, text)


def _parse_bounds(name: str, text: str) -> dict[str, Any]:
    low, *rest = [part.strip() for part in text.split(":")]
    if not 1 <= len(rest) <= 2 or not (low or rest[0]):
        raise SettingsError(
            f"--range {name}: `low:high`, `low:high:scale` or `a,b,c` is needed, got {text!r:.80}",
            f"for example --range {name}=1e-5:1e-2:log",
        )
    bounds = {"valid_min": _bound(name, low), "valid_max": _bound(name, rest[0])}
    scale = {"scale": _scale(name, rest[1])} if len(rest) == 2 else {}
    return {key: value for key, value in bounds.items() if value is not None} | scale


def _bound(name: str, text: str) -> float | int | None:
    value = parse_scalar(text)
    if isinstance(value, str | bool):
        raise SettingsError(
            f"--range {name}: a bound must be a finite number, got {text!r:.80}", f"for options: --range {name}=a,b,c"
        )
    return value  # type: ignore[no-any-return]  # what is left is a number, or nothing


def _scale(name: str, text: str) -> str:
    if text not in SCALES:
        raise SettingsError(f"--range {name}: a scale is one of {', '.join(SCALES)}, got {text!r:.80}")
    return text
