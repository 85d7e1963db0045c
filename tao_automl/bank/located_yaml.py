"""YAML with line numbers: JSON values only, no duplicate keys, bounded size, depth and alias expansion.

Plain numbers such as ``1e-4`` are numbers here, as YAML 1.2 has it; PyYAML alone reads them as text.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tao_automl.bank.files import DEPTH_LIMIT, Unreadable, dotted, number_fault, read_text
from tao_automl.domain.json_types import JsonValue
from tao_automl.errors import SkillError

SIZE_LIMIT = 1_000_000
_VALUE_LIMIT = 200_000  # after aliases are expanded
_TAG = "tag:yaml.org,2002:"
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's value, its text, and the line (from 1) at which each part begins."""

    path: Path
    text: str
    value: JsonValue
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest part around it that exists."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def at(self, place: Place, fault: str) -> str:
        """`fault` with file, line and place in front."""
        return f"{self.path}:{self.line(place)}: {dotted(place)}: {fault}"


def looks_like_float(text: str) -> bool:
    """Whether YAML 1.2 reads this plain text as a number."""
    return _FLOAT.fullmatch(text) is not None


def read_yaml(path: Path) -> Document:
    """Raises SkillError with file, line and law."""
    try:
        return parse_yaml(path, read_text(path, SIZE_LIMIT))
    except Unreadable as error:
        raise SkillError(f"{path}: {error}") from error


def parse_yaml(path: Path, text: str) -> Document:
    """The document in a text, which comes from the file. Raises Unreadable."""
    node = _compose(text)
    builder = _Builder()
    value = builder.build(node, ()) if node is not None else None
    return Document(path=path, text=text, value=value, lines=builder.lines)


def _compose(text: str) -> yaml.Node | None:
    try:
        _check_depth(text)
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise Unreadable(_yaml_fault(error)) from error
    return node


def _check_depth(text: str) -> None:
    """On the event stream, which needs no stack however deep the file is."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise Unreadable(f"line {_line(event)}: must be nested at most {DEPTH_LIMIT} deep, got more")


def _yaml_fault(error: yaml.YAMLError) -> str:
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}: " if mark is not None else ""
    return f"{place}must be YAML: {problem:.200}"


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


class _Builder:
    """Turns nodes into values and remembers lines."""

    def __init__(self) -> None:
        self.lines: dict[Place, int] = {}
        self._scalars = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, place: Place) -> JsonValue:
        if len(place) > DEPTH_LIMIT:
            raise Unreadable(
                f"line {_line(node)}: must be nested at most {DEPTH_LIMIT} deep, aliases included, got more"
            )
        self.lines[place] = _line(node)
        if len(self.lines) > _VALUE_LIMIT:
            raise Unreadable(f"must hold at most {_VALUE_LIMIT:,} values, aliases expanded, got more")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            _expect_tag(node, "seq")
            return [self.build(child, (*place, index)) for index, child in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> JsonValue:
        _expect_tag(node, "map")
        found: dict[str, JsonValue] = {}
        for key_node, child in node.value:
            key = _key(key_node)
            if key in found:
                raise Unreadable(
                    f"line {_line(key_node)}: {dotted((*place, key))}: a key must occur once, got it twice"
                )
            found[key] = self.build(child, (*place, key))
            self.lines[(*place, key)] = _line(key_node)
        return found

    def _scalar(self, node: yaml.Node, place: Place) -> JsonValue:
        kind = str(node.tag).removeprefix(_TAG)
        try:
            value = self._constructed(node, kind)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise Unreadable(
                f"line {_line(node)}: {dotted(place)}: must be a valid {kind}, got {node.value!r:.80}"
            ) from error
        if fault := number_fault(value):
            raise Unreadable(f"line {_line(node)}: {dotted(place)}: {fault}, got {node.value!r:.80}")
        return value

    def _constructed(self, node: Any, kind: str) -> JsonValue:
        plain = not getattr(node, "style", None)
        if kind == "str" and plain and looks_like_float(node.value):
            return float(node.value)
        if kind in ("str", "timestamp", "value") or (kind in ("int", "float") and ":" in node.value):
            return str(node.value)  # dates, and 12:30 which YAML 1.1 takes for a number to base 60
        if kind not in ("int", "float", "bool", "null"):
            raise Unreadable(f"line {_line(node)}: the tag {node.tag!r:.80} must not be used; JSON values only")
        value: JsonValue = self._scalars.construct_object(node)
        return value


def _expect_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise Unreadable(f"line {_line(node)}: the tag {node.tag!r:.80} must not be used; JSON values only")


def _key(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode) and node.tag in (_TAG + "str", _TAG + "value"):
        return str(node.value)
    if node.tag == _TAG + "merge":
        raise Unreadable(f"line {_line(node)}: merge keys (<<) must not be used; write the keys out")
    raise Unreadable(f"line {_line(node)}: a key must be text, got {node.value!r:.80}; quote it")
